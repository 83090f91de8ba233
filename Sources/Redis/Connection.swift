import CHiredis
import Glibc

/// One connection: a hiredis context, which "is not thread-safe" (hiredis' README), so it belongs to one actor at a time.
///
/// After any error it must be let go, never used again: a reply that comes late would be taken for the next command's. And it is
/// not revived by `redisReconnect`, which forgets the timeout, the password and the database.
///
/// hiredis connects, reads and parses. Writing and waiting are done here: hiredis copies all bytes before it writes, its `write`
/// raises SIGPIPE, and its timeouts hold for each system call, not for the exchange.
final class Connection {
  private let context: UnsafeMutablePointer<redisContext>
  private let address: String
  private let timeout: Duration

  /// Connects, authenticates and selects the database.
  ///
  /// - Throws: `connectFailed` or `authenticationFailed`, within the connect timeout and the command timeout.
  init(_ configuration: RedisConfiguration) throws(RedisError) {
    address = configuration.address
    timeout = configuration.commandTimeout
    let limit = timeval(clamping: configuration.connectTimeout)
    guard let context = redisConnectWithTimeout(configuration.host, CInt(configuration.port), limit) else {
      throw RedisError(.connectFailed, "no memory for a connection to Redis at \(configuration.address)")
    }
    self.context = context
    guard context.pointee.err == 0 else {
      throw RedisError(
        .connectFailed, "cannot connect to Redis at \(address): \(contextError); is it running, and is the address right?")
    }
    // Waiting happens in `poll`; this bounds a read that blocks although `poll` said that it would not (select(2), BUGS).
    redisSetTimeout(context, timeval(clamping: timeout))
    // A child process must not keep the connection open.
    _ = fcntl(context.pointee.fd, F_SETFD, FD_CLOEXEC)
    try setUp(configuration)
  }

  deinit { redisFree(context) }

  var fileDescriptor: CInt { context.pointee.fd }

  /// Whether nothing can be read. Anything that can be between exchanges, the end of the stream or bytes that nobody asked for,
  /// means that the connection must not be used.
  var isQuiet: Bool {
    context.pointee.reader.pointee.pos == context.pointee.reader.pointee.len && !isReady(POLLIN, within: 0)
  }

  /// Sends the commands and waits for their replies, in order. Each write has the command timeout.
  func exchange(_ pipeline: RedisPipeline) throws(RedisError) -> [RedisReply] {
    var replies: [RedisReply] = []
    replies.reserveCapacity(pipeline.count)
    var start = 0
    for write in pipeline.writes {
      let deadline = ContinuousClock.now + timeout
      try send(pipeline.bytes, start..<write.end, by: deadline)
      for _ in 0..<write.commands { replies.append(try reply(by: deadline)) }
      start = write.end
    }
    return replies
  }

  /// Sends commands without waiting for their replies.
  func send(_ pipeline: RedisPipeline, by deadline: ContinuousClock.Instant) throws(RedisError) {
    try send(pipeline.bytes, 0..<pipeline.bytes.count, by: deadline)
  }

  /// The next reply, waiting for it.
  func reply(by deadline: ContinuousClock.Instant) throws(RedisError) -> RedisReply {
    while true {
      if let reply = try parsedReply() { return reply }
      try wait(for: POLLIN, until: deadline)
      try read()
    }
  }

  /// Reads what has come, without waiting; says whether there was anything.
  func receive() throws(RedisError) -> Bool {
    guard isReady(POLLIN, within: 0) else { return false }
    try read()
    return true
  }

  /// A reply from what has been read, if it holds a whole one.
  func parsedReply() throws(RedisError) -> RedisReply? {
    var object: UnsafeMutableRawPointer?
    guard redisGetReplyFromReader(context, &object) == REDIS_OK else {
      throw RedisError(.unexpectedReply, "what listens at \(address) does not speak Redis' protocol: \(contextError)")
    }
    guard let object else { return nil }
    defer { freeReplyObject(object) }
    return RedisReply(copying: object.assumingMemoryBound(to: redisReply.self))
  }
}

extension Connection {
  private func setUp(_ configuration: RedisConfiguration) throws(RedisError) {
    var pipeline = RedisPipeline()
    if let password = configuration.password {
      pipeline.append("AUTH", arguments: [configuration.username, password].compactMap { $0.map { .string($0) } })
    }
    if configuration.database != 0 { pipeline.append("SELECT", .integer(Int64(configuration.database))) }
    if let name = configuration.clientName { pipeline.append("CLIENT", "SETNAME", .string(name)) }
    // Without anything to set up it still shows that a server answers and has loaded its data.
    pipeline.append("PING")
    let replies: [RedisReply]
    do {
      replies = try exchange(pipeline)
    } catch {
      throw RedisError(.connectFailed, error.message, isRetryable: error.isRetryable)
    }
    // A user without the right to PING got an answer, which is all that was wanted.
    let refusals = replies.dropLast() + (replies.last?.error?.hasPrefix("NOPERM ") == true ? [] : replies.suffix(1))
    guard let refusal = refusals.lazy.compactMap(\.error).first else { return }
    // A server whose AUTH is renamed repeats the arguments of the command that it does not know.
    let text = configuration.password.map { $0.isEmpty ? refusal : refusal.replacing($0, with: "***") } ?? refusal
    throw RedisError.setUp(text, at: address)
  }

  private func send(_ bytes: [UInt8], _ range: Range<Int>, by deadline: ContinuousClock.Instant) throws(RedisError) {
    var position = range.lowerBound
    while position < range.upperBound {
      let count = bytes.withUnsafeBytes { bytes in
        Glibc.send(
          fileDescriptor, bytes.baseAddress! + position, range.upperBound - position, CInt(MSG_NOSIGNAL | MSG_DONTWAIT))
      }
      if count >= 0 {
        position += count
      } else if errno == EAGAIN {
        try wait(for: POLLOUT, until: deadline)
      } else if errno != EINTR {
        throw lost(String(cString: strerror(errno)))
      }
    }
  }

  private func read() throws(RedisError) {
    guard redisBufferRead(context) == REDIS_OK else {
      let code = errno
      throw context.pointee.err == REDIS_ERR_IO && code == EAGAIN ? timedOut : lost(contextError)
    }
  }

  private func wait(for events: CInt, until deadline: ContinuousClock.Instant) throws(RedisError) {
    guard isReady(events, within: (deadline - .now).roundedUpToMilliseconds) else { throw timedOut }
  }

  /// Whether something can be read or written within so many milliseconds. The end of the stream counts as something to read.
  private func isReady(_ events: CInt, within milliseconds: CInt) -> Bool {
    var descriptor = pollfd(fd: fileDescriptor, events: Int16(events), revents: 0)
    while true {
      let ready = poll(&descriptor, 1, milliseconds)
      if ready >= 0 || errno != EINTR { return ready > 0 }
    }
  }

  private var contextError: String {
    withUnsafeBytes(of: &context.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private var timedOut: RedisError {
    RedisError(.timedOut, "Redis at \(address) did not answer within \(timeout); is it overloaded, stopped or cut off?")
  }

  private func lost(_ reason: String) -> RedisError {
    RedisError(
      .connectionLost, "the connection to Redis at \(address) broke (\(reason)); was it restarted, or did it drop this client?")
  }
}

extension timeval {
  /// From 1 ms, since 0 would mean no limit at all, to a day, since hiredis refuses what it cannot count in milliseconds.
  fileprivate init(clamping duration: Duration) {
    let (seconds, attoseconds) = min(max(duration, .milliseconds(1)), .seconds(86_400)).components
    self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
  }
}

extension Duration {
  /// Rounded up, so that a wait never ends just before its deadline; never negative, which would mean no limit to `poll`.
  fileprivate var roundedUpToMilliseconds: CInt {
    let (seconds, attoseconds) = components
    return CInt(clamping: max(0, seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
  }
}
