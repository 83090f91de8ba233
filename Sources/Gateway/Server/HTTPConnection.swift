import NIOCore
import NIOExtras
import NIOHTTP1

/// One client's connection: gathers its requests, has them answered one after the other, and gives up on a client that is too slow
/// (`408`), whose header or body is too large (`431`, `413`), or that speaks no HTTP (`400`).
///
/// A request is handled on the connection's own event loop: the handlers never block, and what they compute takes microseconds, while
/// a switch to another thread and back costs more than that.
final class HTTPConnection: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  private enum State {
    case idle
    case receiving(HTTPRequestHead, body: ByteBuffer)
    /// The task that answers; nil for the moment in which it starts.
    case answering(Task<Void, Never>?)
    /// The last answer is on its way; what still comes is not read.
    case closing
  }

  private let loop: ServingLoop
  /// Its place among what ``ConnectionWatch`` looks at; nil if it is not there.
  var watchPlace: Int?
  /// Nil before the connection is open, and when it is closed.
  private var context: ChannelHandlerContext?
  /// The loop's turn in which the last request was begun with.
  private var turn = 0
  private var state = State.idle
  /// What came of the next requests while one is answered, or the answers before it are not read. Nothing more is read until then.
  private var pending: [HTTPServerRequestPart] = []
  private var isDraining = false
  private var holdsRead = false
  /// Whether the connection ends with the request at hand.
  private var isLast = false
  private var hasAsked = false
  private var address: String?
  /// When this client's time is over.
  private var deadline = NIODeadline.distantFuture

  init(_ loop: ServingLoop) { self.loop = loop }

  // MARK: Reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    if isDraining || !pending.isEmpty || !isReady(context) { return pending.append(part) }
    // Not by way of what is pending, which would keep room for it as long as the connection is open.
    isDraining = true
    take(part, context)
    isDraining = false
    drain(context)
  }

  func read(context: ChannelHandlerContext) {
    if pending.isEmpty { context.read() } else { holdsRead = true }
  }

  private func drain(_ context: ChannelHandlerContext) {
    // An answer that is there at once comes back here: the loop goes on then, or a client could nest calls without end.
    if isDraining { return }
    isDraining = true
    defer { isDraining = false }
    while !pending.isEmpty {
      if !isReady(context) { return }
      take(pending.removeFirst(), context)
    }
    if holdsRead {
      holdsRead = false
      context.read()
    }
  }

  /// Whether the next part of a request may be taken.
  private func isReady(_ context: ChannelHandlerContext) -> Bool {
    switch state {
    case .answering: false
    // Whoever asks and asks and does not read the answers would have them pile up here.
    case .idle: context.channel.isWritable
    case .receiving, .closing: true
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { drain(context) }
    context.fireChannelWritabilityChanged()
  }

  private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
    switch (part, state) {
    case (.head(let head), .idle): begin(head, context)
    case (.body(var part), .receiving(let head, var body)):
      if body.readableBytes + part.readableBytes > Limits.bodyBytes { return giveUp(context, .bodyTooLarge) }
      // With two owners the whole buffer would be copied with each part.
      state = .idle
      if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
      state = .receiving(head, body: body)
    case (.end, .receiving(let head, let body)): answer(head, body, context)
    default: break
    }
  }

  private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    // The first request is counted from the connection's opening, so that a header sent byte by byte counts.
    if hasAsked { deadline = context.eventLoop.now + Limits.timeToSend }
    hasAsked = true
    isLast = isLast || !head.isKeepAlive
    let headerBytes = head.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    if headerBytes > Limits.headerBytes { return giveUp(context, .headersTooLarge) }
    if head.uri.utf8.count > Limits.uriBytes { return giveUp(context, .uriTooLong) }
    if let length = head.headers.first(name: "Content-Length").flatMap({ Int($0) }), length > Limits.bodyBytes {
      return giveUp(context, .bodyTooLarge)
    }
    if head.version == .http1_1, head.headers.first(name: "Expect")?.lowercased() == "100-continue" {
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }
    state = .receiving(head, body: ByteBuffer())
  }

  // MARK: Answering

  private func answer(_ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
    deadline = .distantFuture
    state = .answering(nil)
    let request = Request(
      method: head.method, target: head.uri, headers: head.headers, body: body, address: address,
      isTooMuch: loop.load.isTooMuch(&turn))
    let bound = NIOLoopBound((connection: self, context: context), eventLoop: context.eventLoop)
    let responder = loop.responder
    // It starts on this thread, and comes back to it wherever the handler has waited for something.
    let task = Task.immediate(executorPreference: loop.executor) {
      let response = await responder.respond(to: request)
      bound.value.connection.send(response, to: head, bound.value.context)
    }
    if case .answering(nil) = state { state = .answering(task) }
  }

  private func send(_ response: Response, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    guard case .answering = state else { return }
    if isLast { return finish(context, with: response, isHead: head.method == .HEAD) }
    var response = response
    if head.version == .http1_0 { response.headers.add(name: "Connection", value: "keep-alive") }
    let bytes = response.bytes(isHead: head.method == .HEAD, in: context.channel.allocator)
    context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    deadline = context.eventLoop.now + Limits.idle
    state = .idle
    drain(context)
  }

  private func giveUp(_ context: ChannelHandlerContext, _ problem: Problem) {
    if case .closing = state { return }
    finish(context, with: problem.response)
  }

  /// Sends the last answer. The connection is closed once the client has closed its side or had the time to: if it were closed while
  /// something of the client's is unread, the answer could be lost.
  private func finish(_ context: ChannelHandlerContext, with response: Response, isHead: Bool = false) {
    var response = response
    response.headers.add(name: "Connection", value: "close")
    state = .closing
    let bytes = response.bytes(isHead: isHead, in: context.channel.allocator)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(bytes)).whenComplete { _ in bound.value.close(mode: .output, promise: nil) }
    deadline = context.eventLoop.now + Limits.linger
    drain(context)
  }

  // MARK: The connection

  func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { opened(context) } }

  func channelActive(context: ChannelHandlerContext) {
    opened(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    loop.watch.remove(self)
    self.context = nil
    if case .answering(let task) = state { task?.cancel() }
    state = .closing
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case is HTTPParserError where isAnswering: answerLast()
    case HTTPParserError.headerOverflow: giveUp(context, .headersTooLarge)
    case is HTTPParserError: giveUp(context, Problem(.validationFailed, "This is not HTTP/1.1.", status: .badRequest))
    // More bytes after those that were no HTTP. To close the connection because of them could lose the last answer.
    case is ByteToMessageDecoderError: break
    default: context.close(promise: nil)
    }
  }

  private var isAnswering: Bool {
    if case .answering = state { true } else { false }
  }

  /// Leaves it at the answer that is being made, since what follows its request can't be understood. A refusal in
  /// place of that answer would be taken for it, although what was asked may have been done.
  private func answerLast() {
    isLast = true
    // What is pending holds the reading back until the answer is on its way, and is dropped then.
    if pending.isEmpty { pending.append(.end(nil)) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
    isLast = true
    if case .idle = state { context.close(promise: nil) }
  }

  private func opened(_ context: ChannelHandlerContext) {
    address = context.channel.remoteAddress?.ipAddress
    deadline = context.eventLoop.now + Limits.timeToSend
    self.context = context
    loop.watch.add(self)
  }

  /// Gives up if this client's time is over.
  func look(at now: NIODeadline) {
    guard let context, deadline <= now else { return }
    switch state {
    case .idle where hasAsked, .closing, .answering: context.close(promise: nil)
    case .idle, .receiving:
      let seconds = Limits.timeToSend.nanoseconds / 1_000_000_000
      giveUp(context, Problem(.requestTimeout, "The whole request must arrive within \(seconds) seconds."))
    }
  }
}

extension Problem {
  static let bodyTooLarge = Problem(.bodyTooLarge, "A body may have \(Limits.bodyBytes) bytes.")
  static let uriTooLong = Problem(.uriTooLong, "A URI may have \(Limits.uriBytes) bytes.")
  static let headersTooLarge = Problem(
    .headersTooLarge, "There may be \(Limits.headerFields) header fields, and they may have \(Limits.headerBytes) bytes together."
  )
}
