import NIOCore
import NIOPosix

/// How a request ended without an answer.
enum ConnectionFailure: Error, Equatable {
  /// No connection came about, so nothing was sent.
  case refused(String)
  /// Sent, at least in part, and never answered: what became of it is not known.
  case lost
  case timedOut
  case malformed

  var code: String {
    switch self {
    case .refused: "connection_refused"
    case .lost: "connection_lost"
    case .timedOut: "timed_out"
    case .malformed: "malformed_response"
    }
  }

  var mayHaveArrived: Bool { if case .refused = self { false } else { true } }
}

/// One keep-alive connection with one request at a time, opened when first needed and again after it was closed.
///
/// Lives on its event loop alone, as everything does that the hot path touches: no locks, no hops.
final class Connection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias Completion = (Result<Response, ConnectionFailure>) -> Void

  private let eventLoop: any EventLoop
  private let target: Target
  private var channel: (any Channel)?
  /// Tells a connection that came about too late, after its request was given up, from the one that is wanted.
  private var attempt = 0
  private var parser = ResponseParser()
  private var completion: Completion?
  private var deadline = NIODeadline.distantFuture
  /// Kept, so that its memory serves every request.
  private var bytes = ByteBuffer()

  init(target: Target, eventLoop: any EventLoop) {
    (self.target, self.eventLoop) = (target, eventLoop)
  }

  static func several(_ count: Int, to target: Target, on eventLoop: any EventLoop) -> [Connection] {
    (0..<count).map { _ in Connection(target: target, eventLoop: eventLoop) }
  }

  /// Sends what `write` puts into the buffer. `completion` is called once, on the event loop.
  func send(deadline: NIODeadline, _ write: (inout ByteBuffer) -> Void, completion: @escaping Completion) {
    precondition(self.completion == nil, "a connection has one request at a time")
    self.completion = completion
    self.deadline = deadline
    bytes.clear()
    write(&bytes)
    if let channel {
      channel.writeAndFlush(bytes, promise: nil)
    } else {
      connect()
    }
  }

  /// Gives up a request whose time is over. Called now and then: a timer for each request would cost more.
  func sweep(now: NIODeadline) {
    if completion != nil, now >= deadline { drop(.timedOut) }
  }

  func close() { drop(.lost) }

  private func connect() {
    attempt += 1
    let wanted = attempt
    ClientBootstrap(group: eventLoop)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .connectTimeout(.seconds(5))
      .connect(host: target.host, port: target.port)
      .assumeIsolated()
      .whenComplete { [self] result in
        do {
          let channel = try result.get()
          guard attempt == wanted, completion != nil else { return channel.close(promise: nil) }
          try channel.pipeline.syncOperations.addHandler(self)
          self.channel = channel
          parser = ResponseParser()
          channel.writeAndFlush(bytes, promise: nil)
        } catch {
          if attempt == wanted { finish(.failure(.refused("\(error)"))) }
        }
      }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard context.channel === channel else { return }
    var received = unwrapInboundIn(data)
    parser.append(&received)
    do {
      guard let response = try parser.next() else { return }
      answered(response)
    } catch {
      drop(.malformed)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    guard context.channel === channel else { return }
    if let response = parser.end() { answered(response) } else { drop(.lost) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard context.channel === channel else { return }
    drop(.lost)
  }

  private func answered(_ response: Response) {
    if response.closes { closeChannel() }
    finish(.success(response))
  }

  private func drop(_ failure: ConnectionFailure) {
    attempt += 1
    closeChannel()
    finish(.failure(failure))
  }

  /// Forgets the channel first: closing may call `channelInactive` at once, which must not take it for a loss.
  private func closeChannel() {
    let closing = channel
    channel = nil
    closing?.close(promise: nil)
  }

  private func finish(_ result: Result<Response, ConnectionFailure>) {
    guard let completion else { return }
    self.completion = nil
    completion(result)
  }
}

extension EventLoop {
  /// Runs `body` on this loop, on which the caller is, until the task is cancelled.
  func every(_ interval: TimeAmount, _ body: @escaping () -> Void) -> RepeatedTask {
    let bound = NIOLoopBound(body, eventLoop: self)
    return scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in bound.value() }
  }
}
