import NIOCore

/// What the connections of an event loop share.
final class ServingLoop: Sendable {
  let responder: Responder
  let executor: EventLoopExecutor
  let load: EventLoopLoad
  let watch: ConnectionWatch

  init(_ eventLoop: any EventLoop, _ responder: Responder) {
    self.responder = responder
    executor = EventLoopExecutor(eventLoop)
    load = EventLoopLoad(eventLoop)
    watch = ConnectionWatch(eventLoop)
  }
}
