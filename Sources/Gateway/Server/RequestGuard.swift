import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Watches how a client sends its requests: one that is too slow gets `408`, one whose header is too large `431`, and one that speaks no
/// HTTP `400`; then the connection is closed. What is about a request's contents is the handlers' business.
final class RequestGuard: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundOut = HTTPResponsePart

  private var deadline: Scheduled<Void>?
  private var hasGivenUp = false

  func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { expectRequest(context) } }

  func channelActive(context: ChannelHandlerContext) {
    expectRequest(context)
    context.fireChannelActive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if hasGivenUp { return }
    switch unwrapInboundIn(data) {
    case .head(let head):
      if deadline == nil { expectRequest(context) }
      if head.headerBytes > Limits.headerBytes {
        giveUp(context, Self.headersTooLarge)
        return
      }
    case .body: break
    case .end:
      deadline?.cancel()
      deadline = nil
    }
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is HTTPParserError else {
      context.fireErrorCaught(error)
      return
    }
    if error as? HTTPParserError == .headerOverflow {
      giveUp(context, Self.headersTooLarge)
    } else {
      giveUp(context, Problem(.validationFailed, "This is not HTTP/1.1.", status: .badRequest))
    }
  }

  private static var headersTooLarge: Problem {
    Problem(
      .headersTooLarge,
      "There may be \(Limits.headerFields) header fields, and they may have \(Limits.headerBytes) bytes together.")
  }

  /// The clock runs from the connection's opening, so that a header sent byte by byte counts; between requests it is the idle timeout's.
  private func expectRequest(_ context: ChannelHandlerContext) {
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: Limits.timeToSend) {
      let seconds = Limits.timeToSend.nanoseconds / 1_000_000_000
      self.giveUp(context, Problem(.requestTimeout, "The whole request must arrive within \(seconds) seconds."))
    }
  }

  private func giveUp(_ context: ChannelHandlerContext, _ problem: Problem) {
    if hasGivenUp { return }
    hasGivenUp = true
    var head = problem.response.head
    head.headerFields[.connection] = "close"
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(ByteBuffer(bytes: problem.body))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.close(promise: nil)
  }
}

extension HTTPRequest {
  /// The size of all header fields together.
  fileprivate var headerBytes: Int { headerFields.reduce(0) { $0 + $1.name.rawName.utf8.count + $1.value.utf8.count } }
}
