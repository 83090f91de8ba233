import NIOCore
import NIOEmbedded
import NIOExtras
import NIOHTTP1
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// A client of one ``HTTPConnection`` without a network. It belongs to the thread that makes it, so each test makes its own;
/// those that are beside each other share an event loop.
///
/// The server answers `/echo…` with the request, `/count` with the length of its body, `/nothing` with `204`, `/wait` once the
/// gate is open, and `/crowded` to a `POST` only where there is no crowd.
struct Client {
  let channel: EmbeddedChannel
  let gate: Gate
  private let loop: ServingLoop
  private let watcher = Watcher()

  /// - Parameters:
  ///   - load: tells what is to be refused; nil for nothing.
  ///   - bodyBytes: what the bodies of all clients of the event loop may have together.
  init(
    beside other: Client? = nil, on eventLoop: EmbeddedEventLoop = EmbeddedEventLoop(), load: EventLoopLoad? = nil,
    bodyBytes: Int = Limits.allBodiesBytes
  ) throws {
    let eventLoop = other?.channel.embeddedEventLoop ?? eventLoop
    let gate = other?.gate ?? Gate()
    self.gate = gate
    channel = EmbeddedChannel(loop: eventLoop)
    loop = other?.loop ?? Self.loop(eventLoop, gate, load, bodyBytes)
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(watcher)
    try pipeline.addHTTP(HTTPConnection(loop))
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
  }

  private static func loop(
    _ eventLoop: EmbeddedEventLoop, _ gate: Gate, _ load: EventLoopLoad?, _ bodyBytes: Int
  ) -> ServingLoop {
    var table = RouteTable()
    let echo: RouteTable.Handler = { request in
      Response(
        status: .ok,
        body: Array("\(request.method.rawValue == "HEAD" ? "GET" : request.method.rawValue) \(request.path) ".utf8)
          + request.body.readableBytesView)
    }
    for path in ["/echo", "/echo/{number}"] {
      table.on(.GET, path, echo)
      table.on(.POST, path, echo)
    }
    let done: RouteTable.Handler = { _ in Response(status: .ok) }
    table.on(.GET, "/crowded", done)
    table.on(.POST, "/crowded", refuse: { _ in Response(status: .serviceUnavailable) }, done)
    table.on(.POST, "/count") { Response(status: .ok, body: Array(String($0.body.readableBytes).utf8)) }
    table.on(.GET, "/nothing") { _ in Response(status: .noContent) }
    let wait: RouteTable.Handler = { _ in
      await gate.pass()
      return Response(status: .ok, body: Array("waited".utf8))
    }
    table.on(.GET, "/wait", wait)
    table.on(.POST, "/wait", wait)
    return ServingLoop(eventLoop, Responder(table, metrics: MetricRegistry(), logger: .silent), load: load, bodyBytes: bodyBytes)
  }

  var isOpen: Bool { channel.isActive }
  var hasClosedItsSide: Bool { watcher.hasClosedOutput }
  /// How often the server asked for more to read.
  var reads: Int { watcher.reads }

  /// What the server answers at once.
  func send(_ text: String) throws -> String { try send(bytes: Array(text.utf8)) }

  func send(bytes: [UInt8]) throws -> String {
    try channel.writeInbound(ByteBuffer(bytes: bytes))
    channel.pipeline.read()
    return try received()
  }

  func pass(_ time: TimeAmount) throws -> String {
    channel.embeddedEventLoop.advanceTime(by: time)
    return try received()
  }

  /// What the server answers once it has what it waited for.
  func nextAnswer() async throws -> String {
    var answer = ""
    try await eventually("an answer") {
      channel.embeddedEventLoop.run()
      answer += try received()
      return !answer.isEmpty
    }
    return answer
  }

  /// Says that nothing more will be sent.
  func closeOutput() { channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }

  /// Lets answers pile up on their way.
  func stopReading() { watcher.holdsWrites = true }

  /// What had piled up.
  func readOn() throws -> String {
    watcher.letGo()
    return try received()
  }

  func stopServer() { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }

  /// Expects a problem after which the server closes its side.
  /// - Parameter hasBody: false for the answer to a `HEAD`.
  func expectLast(
    _ status: Int, _ code: String, _ answer: String, hasBody: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "), sourceLocation: sourceLocation)
    #expect(answer.contains(#""code":"\#(code)""#) == hasBody, sourceLocation: sourceLocation)
    #expect(answer.hasSuffix(hasBody ? "}" : "\r\n\r\n"), sourceLocation: sourceLocation)
    #expect(answer.contains("\r\nConnection: close\r\n"), sourceLocation: sourceLocation)
    #expect(hasClosedItsSide, sourceLocation: sourceLocation)
  }

  private func received() throws -> String {
    var answer = ""
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) { answer += String(buffer: buffer) }
    return answer
  }

  /// Stands where the network would be.
  private final class Watcher: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    var reads = 0
    var hasClosedOutput = false
    var holdsWrites = false
    private var held: [(data: NIOAny, promise: EventLoopPromise<Void>?)] = []
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
      if holdsWrites { held.append((data, promise)) } else { context.write(data, promise: promise) }
    }

    func letGo() {
      holdsWrites = false
      let all = held
      held = []
      for (data, promise) in all { context?.write(data, promise: promise) }
      context?.flush()
    }

    func read(context: ChannelHandlerContext) {
      reads += 1
      context.read()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
      if mode == .output {
        hasClosedOutput = true
        promise?.succeed()
      } else {
        let all = held
        held = []
        for (_, promise) in all { promise?.fail(ChannelError.ioOnClosedChannel) }
        context.close(mode: mode, promise: promise)
      }
    }
  }
}

/// Lets handlers through once it is open.
final class Gate: Sendable {
  private let (opened, opening) = AsyncStream.makeStream(of: Void.self)
  private let cancelled = Atomic(false)

  func open() { opening.finish() }

  func pass() async {
    for await _ in opened {}
    if Task.isCancelled { cancelled.store(true, ordering: .relaxed) }
  }

  var wasCancelled: Bool { cancelled.load(ordering: .relaxed) }
}

extension String {
  /// The pieces that stand between the one and the other, and after the last one.
  func components(between start: String, and end: String) -> [String] {
    var pieces: [String] = []
    var rest = self[...]
    while let from = rest.firstRange(of: start) {
      rest = rest[from.upperBound...]
      let to = rest.firstRange(of: end)?.lowerBound ?? rest.endIndex
      pieces.append(String(rest[..<to]))
      rest = rest[to...]
    }
    return pieces
  }
}
