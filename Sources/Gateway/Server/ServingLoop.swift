import NIOCore

/// What the connections of an event loop share.
final class ServingLoop: Sendable {
  let responder: Responder
  let executor: EventLoopExecutor
  let load: EventLoopLoad
  let watch: ConnectionWatch
  let bodies: BodyBudget

  /// - Parameters:
  ///   - load: tells what is to be refused.
  ///   - bodyBytes: what the bodies may have together that are held at the same time.
  init(_ eventLoop: any EventLoop, _ responder: Responder, load: EventLoopLoad? = nil, bodyBytes: Int = Limits.allBodiesBytes) {
    self.responder = responder
    executor = EventLoopExecutor(eventLoop)
    let watch = ConnectionWatch(eventLoop)
    self.watch = watch
    self.load = load ?? EventLoopLoad(eventLoop, open: { watch.count })
    bodies = BodyBudget(bodyBytes)
  }
}

/// How many bytes of bodies an event loop's connections may still take. They are gathered before anybody looks at who sends them,
/// and all connections together could send more than there is memory.
///
/// Unchecked, since it is used on its event loop only.
final class BodyBudget: @unchecked Sendable {
  private var left: Int

  init(_ bytes: Int) { left = bytes }

  /// Gives whether there is room for so many.
  func take(_ bytes: Int) -> Bool {
    if bytes > left { return false }
    left -= bytes
    return true
  }

  func giveBack(_ bytes: Int) { left += bytes }
}
