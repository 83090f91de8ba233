public import BlockingThread
public import Logging
import Synchronization

/// A client with one connection, on a thread of its own where its calls may block. Calls are served one after the other, and each
/// costs a switch of threads: send batches (``send(_:)``).
///
/// It connects when it is first called. After any error or timeout it drops the connection, and the next call makes another. After a
/// timeout, or when connecting fails, all calls fail at once with `unavailable`, also those that wait already, until the server answers
/// again: the client itself tries, on another thread, 25 ms after the first failure and up to 1 s after many. So a server that hangs
/// costs its callers the timeouts once. A call takes at most the connect timeout, the command timeout for setting up, and the command
/// timeout for each write of its commands, plus its wait for the calls before it.
///
/// A call is not repeated after an error, because its commands may have been executed: that is for the caller to judge.
public actor RedisClient {
  private let configuration: RedisConfiguration
  private let logger: Logger?
  private let thread: BlockingThread
  /// The client's own thread, for tasks that do little but call it.
  public nonisolated let taskThread: TaskThread
  private var connection: Connection?
  private var isClosed = false
  private nonisolated let gate = Mutex(Gate())

  /// What is known of a server that is away. It is outside of the actor, whose thread may be waiting for that server just now.
  private struct Gate {
    var backoff = Backoff(first: .milliseconds(50), longest: .seconds(1))
    /// The last failure, until the server answers again.
    var failure: RedisError?
  }

  /// Whether the server did not answer, and has not since. Calls fail at once then.
  public nonisolated var isAway: Bool { gate.withLock { $0.failure != nil } }

  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  /// Does not connect yet.
  // Not a public initializer, for the same reason as ``RedisSubscription/start(_:channels:logger:)``.
  @inline(never)
  public static func make(_ configuration: RedisConfiguration, logger: Logger? = nil) -> RedisClient {
    RedisClient(configuration, logger: logger)
  }

  init(_ configuration: RedisConfiguration, logger: Logger?) {
    self.configuration = configuration
    self.logger = logger
    thread = BlockingThread(name: configuration.clientName ?? "redis")
    taskThread = TaskThread(sharing: thread)
  }

  isolated deinit { thread.finish() }

  /// Sends the commands of a pipeline and gives their replies in order, as many as there are commands. A command that the server
  /// refuses has an `.error` in its place and does not disturb its neighbours.
  ///
  /// - Throws: when there is no complete answer. Unless the code says that nothing was sent, some of the commands may have been
  ///   executed.
  public nonisolated func send(_ pipeline: RedisPipeline) async throws(RedisError) -> [RedisReply] {
    if pipeline.isEmpty { return [] }
    try expectPresence()
    return try await exchange(pipeline)
  }

  private nonisolated func expectPresence() throws(RedisError) {
    guard let failure = gate.withLock({ $0.failure }) else { return }
    throw RedisError(.unavailable, "waiting for the server: \(failure)", isRetryable: failure.isRetryable)
  }

  private func exchange(_ pipeline: RedisPipeline) throws(RedisError) -> [RedisReply] {
    if isClosed {
      throw RedisError(.unavailable, "the client of Redis at \(configuration.address) is closed", isRetryable: false)
    }
    // It may have been lost while this call waited for its turn.
    try expectPresence()
    let connection = try usableConnection()
    do {
      return try connection.exchange(pipeline)
    } catch {
      self.connection = nil
      logger?.warning("lost the connection to Redis", metadata: ["redis": "\(configuration.address)", "error": "\(error)"])
      // A server that hung up may be back already; one that hangs is not.
      if error.code == .timedOut { noteAbsence(error) }
      throw error
    }
  }

  /// Lets calls fail until the server answers again, and sees to it that this is noticed.
  private func noteAbsence(_ error: RedisError) {
    let isNews = gate.withLock { gate in
      defer { gate.failure = error }
      return gate.failure == nil
    }
    if !isNews { return }
    // Nobody's child: it outlives the call that found out. It ends with the client.
    Task(executorPreference: TaskThread(name: "redis-probe")) { [weak self] in
      while let pause = self?.nextPause() {
        try? await Task.sleep(for: pause)
        guard let self, await !self.isBack() else { return }
      }
    }
  }

  private nonisolated func nextPause() -> Duration { gate.withLock { $0.backoff.pause(random: .random(in: 0..<1)) } }

  /// Whether there is nothing more to wait for. Blocks the caller's thread, for as long as a server that hangs is given.
  private nonisolated func isBack() async -> Bool {
    if await isClosed { return true }
    do throws(RedisError) {
      let connection = try Connection(configuration)
      var ping = RedisPipeline()
      ping.append("PING")
      _ = try connection.exchange(ping)
      await resume(with: connection)
      return true
    } catch {
      gate.withLock { $0.failure = error }
      return false
    }
  }

  private func resume(with connection: sending Connection) {
    if isClosed { return }
    self.connection = connection
    noteConnected()
  }

  private func noteConnected() {
    logger?.info("connected to Redis", metadata: ["redis": "\(configuration.address)"])
    gate.withLock { gate in
      gate.backoff.reset()
      gate.failure = nil
    }
  }

  /// Sends one command and gives its reply. `name` is its first word; a subcommand is an argument.
  ///
  /// - Throws: also when the server answers with an error: then the code is `server`.
  public nonisolated func command(_ name: String, _ arguments: RedisArgument...) async throws(RedisError) -> RedisReply {
    try await command(name, arguments: arguments)
  }

  /// The same for arguments that are computed.
  public nonisolated func command(_ name: String, arguments: [RedisArgument]) async throws(RedisError) -> RedisReply {
    var pipeline = RedisPipeline()
    pipeline.append(name, arguments: arguments)
    return try accept(try await send(pipeline)[0], to: name)
  }

  /// Closes the connection. Calls that wait are still served; later ones fail with `unavailable`.
  public func close() async {
    isClosed = true
    connection = nil
  }

  /// A reply that is no error.
  nonisolated func accept(_ reply: RedisReply, to command: String) throws(RedisError) -> RedisReply {
    guard let text = reply.error else { return reply }
    throw RedisError.server(text, to: command, at: configuration.address)
  }

  private func usableConnection() throws(RedisError) -> Connection {
    // A server that restarted meanwhile shows here, before anything is sent, and costs the caller no error.
    if let connection, connection.isQuiet { return connection }
    connection = nil
    return try connect()
  }

  private func connect() throws(RedisError) -> Connection {
    do {
      let connection = try Connection(configuration)
      self.connection = connection
      noteConnected()
      return connection
    } catch {
      logger?.warning("cannot connect to Redis", metadata: ["redis": "\(configuration.address)", "error": "\(error)"])
      noteAbsence(error)
      throw error
    }
  }
}
