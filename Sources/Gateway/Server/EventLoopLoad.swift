import NIOCore

/// Whether an event loop has had more to do for a while than it can, and which part of its requests is then to be refused.
///
/// A loop serves all connections that have something for it, one after the other, and then looks again: that is a turn. What comes
/// meanwhile waits in the system, where nobody sees it. A spike makes a turn long, and is absorbed. Where turns stay long, more comes
/// than can be answered, everybody waits for as long as a turn, and those who are only to be refused wait as long as the others
/// ([CoDel](https://www.rfc-editor.org/rfc/rfc8289) judges queues so). Then such a part is refused that turns become short again: fewer
/// are taken after each long turn, the longer it was the fewer, and a few more after one that was not.
///
/// Unchecked, since it is used on its event loop only.
final class EventLoopLoad: @unchecked Sendable {
  /// How long a turn may take. Whoever is refused waits for two turns at most.
  static let longestTurn = TimeAmount.milliseconds(12)
  /// For how long turns may be longer. What comes meanwhile makes the next ones longer still, and takes as long again to be served.
  static let patience = TimeAmount.milliseconds(100)
  /// A turn in which fewer connections ask is long because something takes long, and not because too many come.
  static let few = 64
  /// The part of the requests that is no longer taken after a turn that was just too long. After one of twice that length it is twice
  /// as much: where it was the same, turns of half a second at the beginning of a rush made everybody wait for seconds.
  static let decrease = 0.1
  /// A turn counts as so many times the longest at most.
  static let longestCount = 3.0
  /// In what time all are taken again, without a long turn. In half of it, on a slow machine, more came back between two long turns than
  /// each of them took away: everybody waited for seconds.
  static let recovery = TimeAmount.milliseconds(1000)
  /// However many come, so much is taken.
  static let least = 0.02

  private let eventLoop: any EventLoop
  private let now: () -> NIODeadline
  /// When the turn that is under way began with requests; nil between turns.
  private var turnBegan: NIODeadline?
  /// The number of the turn that is under way, or was last; from 1.
  private var turn = 0
  /// How many connections have asked in this turn.
  private var connections = 0
  private var turnEnded: NIODeadline
  /// When the first of the long turns began, if the last one was long.
  private var longSince: NIODeadline?
  /// The part of the requests that is taken.
  private(set) var share = 1.0

  init(_ eventLoop: any EventLoop, now: @escaping () -> NIODeadline = { .now() }) {
    self.eventLoop = eventLoop
    self.now = now
    turnEnded = now()
  }

  /// To be called for each request, as it is begun with. Gives whether it is one of those to be refused.
  /// - Parameter lastTurn: where the request's connection keeps the number of its last turn; 0 at first. It counts once a turn, however
  ///   many requests it has sent ahead.
  func isTooMuch(_ lastTurn: inout Int) -> Bool {
    if turnBegan == nil { beginTurn() }
    if lastTurn != turn { connections += 1 }
    lastTurn = turn
    // By chance: taken in turn, it could be polls that are to be refused, which never are, and others that are taken.
    return share < 1 && .random(in: 0..<1) >= share
  }

  private func beginTurn() {
    let now = now()
    // Also in the time in which there was nothing to do.
    recover(since: turnEnded, until: now)
    turnBegan = now
    turn += 1
    // What is to be executed is, after the connections that have something.
    eventLoop.assumeIsolated().execute { self.endTurn() }
  }

  private func endTurn() {
    guard let began = turnBegan else { return }
    let end = now()
    if end - began > Self.longestTurn && connections >= Self.few {
      let since = longSince ?? began
      longSince = since
      // Once some are refused, it is no spike any more.
      if share < 1 || end - since > Self.patience {
        let length = Double((end - began).nanoseconds) / Double(Self.longestTurn.nanoseconds)
        share = max(Self.least, share * (1 - Self.decrease * min(length, Self.longestCount)))
      }
    } else {
      longSince = nil
      recover(since: began, until: end)
    }
    (turnBegan, turnEnded, connections) = (nil, end, 0)
  }

  private func recover(since start: NIODeadline, until end: NIODeadline) {
    if share == 1 { return }
    share = min(1, share + Double((end - start).nanoseconds) / Double(Self.recovery.nanoseconds))
  }
}
