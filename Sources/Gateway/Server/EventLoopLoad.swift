import NIOCore

/// Whether an event loop has had more to do for a while than it can.
///
/// A loop serves all connections that have something for it, one after the other, and then looks again: that is a turn. What comes
/// meanwhile waits in the system, where nobody sees it. A spike makes a turn long, and is absorbed. Where turns stay long, more comes
/// than can be answered, and everybody's answer takes as long as a turn: then what comes late in a turn is to be refused, which costs
/// little ([CoDel](https://www.rfc-editor.org/rfc/rfc8289) judges queues so).
///
/// Unchecked, since it is used on its event loop only.
final class EventLoopLoad: @unchecked Sendable {
  /// How long a turn may take.
  static let longestTurn = TimeAmount.milliseconds(20)
  /// For how long turns may be longer.
  static let patience = TimeAmount.seconds(1)

  private let eventLoop: any EventLoop
  private let now: () -> NIODeadline
  /// When the turn that is under way began with requests; nil between turns.
  private var turnBegan: NIODeadline?
  /// When the first of the long turns began, if the last one was long.
  private var longSince: NIODeadline?

  init(_ eventLoop: any EventLoop, now: @escaping () -> NIODeadline = { .now() }) {
    self.eventLoop = eventLoop
    self.now = now
  }

  /// To be called for each request, as it is begun with. Gives whether it comes too late in a turn.
  func isTooLate() -> Bool {
    let now = now()
    guard let turnBegan else {
      turnBegan = now
      // What is to be executed is, after the connections that have something.
      eventLoop.assumeIsolated().execute { self.endTurn() }
      return false
    }
    guard let longSince else { return false }
    return now - turnBegan > Self.longestTurn && now - longSince > Self.patience
  }

  private func endTurn() {
    guard let turnBegan else { return }
    if now() - turnBegan <= Self.longestTurn { longSince = nil } else if longSince == nil { longSince = turnBegan }
    self.turnBegan = nil
  }
}
