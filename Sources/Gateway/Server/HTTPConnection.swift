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
    case idle, receiving, answering
    /// The last answer is on its way; what still comes is not read.
    case closing
  }

  private let loop: ServingLoop
  /// Its place among what ``ConnectionWatch`` looks at; nil if it is not there.
  var watchPlace: Int?
  /// Nil before the connection is open, and when it is closed.
  private var context: ChannelHandlerContext?
  /// The loop's turn in which the last request came.
  private var turn = 0
  private var state = State.idle
  /// The request that is received or answered. Not a part of the state, with which it would be copied at every look.
  private var request: Request?
  /// Whether that is a `HEAD`, and one of HTTP/1.0: known before it is.
  private var (isHead, isHTTP10) = (false, false)
  /// What answers; nil for the moment in which it starts.
  private var task: Task<Void, Never>?
  /// How many parts of requests have come, and whether the last of them ended its request.
  private(set) var parts = 0
  private(set) var isBetweenRequests = true
  /// What came of the next requests while one is answered, or the answers before it are not read. Nothing more is read until then.
  private var pending: [RequestPart] = []
  private var isDraining = false
  private var holdsRead = false
  /// Whether the connection ends with the request at hand.
  private var isLast = false
  /// Whether the client sends nothing more. It may read on, or be gone: nothing tells the one from the other.
  private var isInputClosed = false
  /// Whether the process is to end.
  private var isStopping = false
  private var hasAsked = false
  /// What the body that is held takes of the loop's budget.
  private var bodyBytes = 0
  private var address: String?
  /// When this client's time is over.
  private var deadline = NIODeadline.distantFuture

  init(_ loop: ServingLoop) { self.loop = loop }

  // MARK: Reading

  /// What NIO's parser has read.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) { receive(RequestPart(unwrapInboundIn(data)), context) }

  /// Takes the next part of a request. Parts of a connection that is closed are dropped.
  func receive(_ part: RequestPart) { if let context { receive(part, context) } }

  private func receive(_ part: RequestPart, _ context: ChannelHandlerContext) {
    parts &+= 1
    if case .end = part {
      isBetweenRequests = true
      loop.load.begin(&turn)
    } else {
      isBetweenRequests = false
    }
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
    if isInputClosed { endUnlessAnswering(context) }
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

  /// Whether the last request was taken: what comes behind it is none.
  var isOver: Bool {
    switch state {
    case .answering: isLast
    case .closing: true
    case .idle, .receiving: false
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { drain(context) }
    context.fireChannelWritabilityChanged()
  }

  private func take(_ part: RequestPart, _ context: ChannelHandlerContext) {
    switch part {
    case .head(let head) where state == .idle: begin(head, context)
    case .body(let part) where state == .receiving: take(part, context)
    case .end where state == .receiving: answer(context)
    default: break
    }
  }

  private func begin(_ head: RequestHead, _ context: ChannelHandlerContext) {
    // The first request is counted from the connection's opening, so that a header sent byte by byte counts.
    if hasAsked { deadline = context.eventLoop.now + Limits.timeToSend }
    hasAsked = true
    state = .receiving
    (isHead, isHTTP10) = (head.method == .HEAD, head.version == .http1_0)
    if head.isLast { isLast = true }
    if let flaw = head.flaw { return giveUp(context, flaw) }
    request = Request(method: head.method, target: head.target, fields: head.fields, address: address)
    if head.version == .http1_1, head.fields.expect?.lowercased() == "100-continue" {
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }
  }

  private func take(_ part: ByteBuffer, _ context: ChannelHandlerContext) {
    if bodyBytes + part.readableBytes > Limits.bodyBytes { return giveUp(context, .bodyTooLarge) }
    if !loop.bodies.take(part.readableBytes) { return giveUp(context, .tooManyBodies) }
    let isFirst = bodyBytes == 0
    bodyBytes += part.readableBytes
    var part = part
    if isFirst { request?.body = part } else { request?.body.writeBuffer(&part) }
  }

  // MARK: Answering

  private func answer(_ context: ChannelHandlerContext) {
    guard let request else { preconditionFailure("a request without a head") }
    deadline = .distantFuture
    state = .answering
    let (responder, load) = (loop.responder, loop.load)
    // Before all else: where more come than can be taken, what one of them costs is taken from those that can.
    if load.isWatching, let refusal = responder.refusal(of: request, if: load.refuse) { return send(refusal, context) }
    let bound = NIOLoopBound((connection: self, context: context), eventLoop: context.eventLoop)
    // It starts on this thread, and comes back to it wherever the handler has waited for something.
    let task = Task.immediate(executorPreference: loop.executor) {
      let response = await responder.respond(to: request)
      bound.value.connection.send(response, bound.value.context)
    }
    guard state == .answering else { return }
    self.task = task
    if isInputClosed { cancelIfHeld() }
  }

  private func send(_ response: Response, _ context: ChannelHandlerContext) {
    guard state == .answering else { return }
    if isLast { return finish(context, with: response) }
    forgetRequest()
    var response = response
    if isHTTP10 { response.headers.add(name: "Connection", value: "keep-alive") }
    let bytes = response.bytes(isHead: isHead, in: context.channel.allocator)
    context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    deadline = context.eventLoop.now + Limits.idle
    state = .idle
    drain(context)
  }

  /// - Parameter isHead: whether the request is a `HEAD` that has not come so far as to be begun with.
  private func giveUp(_ context: ChannelHandlerContext, _ problem: Problem, isHead: Bool = false) {
    switch state {
    case .closing: break
    // The answer that is being made is the last. A refusal in its place would be taken for it, though what was asked may be done.
    case .answering:
      isLast = true
      // What is pending holds the reading back until the answer is on its way, and is dropped then.
      if pending.isEmpty { pending.append(.end) }
    case .receiving: finish(context, with: problem.response)
    case .idle:
      self.isHead = isHead
      finish(context, with: problem.response)
    }
  }

  /// Sends the last answer. The connection is closed once the client has closed its side or had the time to: if it were closed while
  /// something of the client's is unread, the answer could be lost.
  private func finish(_ context: ChannelHandlerContext, with response: Response) {
    var response = response
    response.headers.add(name: "Connection", value: "close")
    beginClosing(context)
    let bytes = response.bytes(isHead: isHead, in: context.channel.allocator)
    let bound = NIOLoopBound((connection: self, context: context), eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(bytes)).whenComplete { _ in bound.value.connection.lastIsSent(bound.value.context) }
    drain(context)
  }

  private func lastIsSent(_ context: ChannelHandlerContext) {
    deadline = context.eventLoop.now + Limits.linger
    context.close(mode: isInputClosed ? .all : .output, promise: nil)
  }

  /// Closes the connection when the answers that were given are sent.
  private func closeOnceSent(_ context: ChannelHandlerContext) {
    beginClosing(context)
    pending = []
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    // Nothing, which is sent after all that was written before.
    context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in bound.value.close(promise: nil) }
  }

  private func beginClosing(_ context: ChannelHandlerContext) {
    state = .closing
    forgetRequest()
    deadline = context.eventLoop.now + (isStopping ? Limits.parting : Limits.idle)
  }

  private func forgetRequest() {
    request = nil
    task = nil
    if bodyBytes == 0 { return }
    loop.bodies.giveBack(bodyBytes)
    bodyBytes = 0
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
    task?.cancel()
    state = .closing
    forgetRequest()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case let refusal as RequestDecoder.Refusal: giveUp(context, refusal.problem, isHead: refusal.isHead)
    // A refusal follows, or was before, and more bytes come. To close the connection because of them could lose the last answer.
    case is HTTPParserError, is ByteToMessageDecoderError: break
    default: context.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is ChannelShouldQuiesceEvent: stop(context)
    case let event as ChannelEvent where event == .inputClosed:
      isInputClosed = true
      cancelIfHeld()
      drain(context)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  private func stop(_ context: ChannelHandlerContext) {
    (isLast, isStopping) = (true, true)
    switch state {
    case .idle: closeOnceSent(context)
    case .closing: deadline = min(deadline, context.eventLoop.now + Limits.parting)
    case .receiving, .answering: break
    }
  }

  /// Who may be gone is not waited for until there is something new, but only until what was asked is done.
  private func cancelIfHeld() {
    guard state == .answering, let request, request.method == .GET || request.method == .HEAD else { return }
    if request.fields.prefer != nil { task?.cancel() }
  }

  /// Ends the connection of a client that sends nothing more, not even the rest of its request.
  private func endUnlessAnswering(_ context: ChannelHandlerContext) {
    switch state {
    case .idle, .receiving: closeOnceSent(context)
    case .answering, .closing: break
    }
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
    case .idle, .receiving: giveUp(context, .tooSlow)
    }
  }
}
