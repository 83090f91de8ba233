import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle

/// Accepts connections until the process is asked to stop, and then answers what was asked before.
struct HTTPServer: Service {
  let responder: Responder
  /// What the log calls it.
  let name: String
  let host: String
  let port: Int
  let logger: Logger

  func run() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let quiescing = ServerQuiescingHelper(group: group)
    let loops = Dictionary(uniqueKeysWithValues: group.makeIterator().map { ($0.identity, ServingLoop($0, responder)) })
    let connections = DescriptorLimit.raise()
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 4096)
      .serverChannelOption(.maxMessagesPerRead, value: UInt(Limits.accepted))
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            ConnectionLimit(connections), quiescing.makeServerChannelHandler(channel: channel))
        }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.recvAllocator, value: ReceiveBuffers())
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let loop = loops[channel.eventLoop.identity] else {
            preconditionFailure("a connection on an event loop of another group")
          }
          try channel.pipeline.syncOperations.addHTTP(HTTPConnection(loop))
        }
      }
      .bind(host: host, port: port).get()
    logger.info("\(name) ready", metadata: ["address": "http://\(host):\(port)"])
    // Cancellation ends the wait as well.
    try? await gracefulShutdown()
    let ended = channel.eventLoop.makePromise(of: Void.self)
    quiescing.initiateShutdown(promise: ended)
    try? await ended.futureResult.get()
  }
}

extension EventLoop {
  fileprivate var identity: ObjectIdentifier { ObjectIdentifier(self) }
}

extension ChannelPipeline.SynchronousOperations {
  /// The handlers of a connection, with the limits of ``Limits``.
  func addHTTP(_ connection: HTTPConnection) throws {
    try addHandler(ByteToMessageHandler(RequestDecoder(connection)))
    try addHandler(connection)
  }
}

/// Stops accepting while there are as many connections as may be; those that come then wait in the system's backlog. Those that are
/// accepted at once may be more by all but one of ``Limits/accepted``.
final class ConnectionLimit: ChannelDuplexHandler {
  typealias InboundIn = any Channel
  typealias OutboundIn = Never

  private let maximum: Int
  private var connections = 0
  private var holdsRead = false
  /// To be called when a connection is closed, on any event loop. One for all of them: each closure of its own is memory.
  private var onClose: @Sendable (Result<Void, any Error>) -> Void = { _ in }

  init(_ maximum: Int) { self.maximum = maximum }

  func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound((limit: self, context: context), eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    onClose = { _ in
      eventLoop.execute { bound.value.limit.closed(bound.value.context) }
    }
  }

  /// It and the closure hold each other.
  func handlerRemoved(context: ChannelHandlerContext) { onClose = { _ in } }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    connections += 1
    unwrapInboundIn(data).closeFuture.whenComplete(onClose)
    context.fireChannelRead(data)
  }

  func read(context: ChannelHandlerContext) {
    if connections < maximum { context.read() } else { holdsRead = true }
  }

  private func closed(_ context: ChannelHandlerContext) {
    connections -= 1
    if holdsRead && connections < maximum {
      holdsRead = false
      context.read()
    }
  }
}
