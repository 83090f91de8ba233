import Glibc
import NIOCore

/// Whether an event loop has had more to do for a while than it can, and which of its requests are then to be refused.
///
/// A loop serves all connections that have something for it, one after the other, and then looks again: that is a turn. What comes
/// meanwhile waits in the system, where nobody sees it. A spike makes a turn long, and is absorbed. Where turns stay long, more comes
/// than can be answered, everybody waits for as long as a turn, and those who are only to be refused wait as long as the others
/// ([CoDel](https://www.rfc-editor.org/rfc/rfc8289) judges queues so). Where so many are connected that this may take too long, no more
/// than so many requests a second are taken then: fewer after a tenth of a second in which somebody waited for long, more after one in
/// which nobody did. What is taken comes evenly, however unevenly it is asked for: where it was a part of what came, each burst made the
/// next one.
/// Those who are refused and those who only look, which nobody can be kept from, may have half of the time.
///
/// A loop that refuses rests between its turns. What a turn costs by itself, most of it the system's for waking up, is then shared by
/// more connections: without the rest, a refusal cost as much as a reservation.
///
/// Unchecked, since it is used on its event loop only.
final class EventLoopLoad: @unchecked Sendable {
  /// How long a turn may take.
  static let longestTurn = TimeAmount.milliseconds(12)
  /// How long a turn may take in which all ask that are connected. Where none can be longer, nobody who is waits for longer than two of
  /// them, and nobody is refused: so many clients that each ask again once they are answered make turns long, but not ever longer.
  static let longestTurnOfAll = TimeAmount.milliseconds(100)
  /// For how long turns may be longer. What comes meanwhile makes the next ones longer still, and takes as long again to be served.
  static let patience = TimeAmount.milliseconds(100)
  /// A turn in which fewer connections ask is long because something takes long, and not because too many come.
  static let few = 64
  /// How often the limit is judged.
  static let window = TimeAmount.milliseconds(100)
  /// How long a connection may have to wait until the turn that it has its place in is over, where some are refused. With 25 ms it was
  /// half as long for those who were refused, but a tenth fewer were decided.
  static let longestWait = TimeAmount.milliseconds(40)
  /// What the limit grows by after a window in which none waited longer.
  static let growth = 1.04
  /// By which power of how many times longer one waited the limit shrinks, and what is left of it at least. With the double, a moment in
  /// which something else had the processor cost a second of the sale.
  static let (shrinking, leftAtLeast) = (0.1, 0.85)
  /// The first limit is no lower.
  static let least = 100.0
  /// How many are refused or only look in the time that one takes that is taken, about.
  static let othersForOne = 3
  /// What was not taken in time may be taken later, as much as comes in this time; and where nobody was refused for longer, as much as may
  /// be taken in that time, up to the longest: who is told to come again in whole seconds comes in bursts, with pauses between them.
  static let (allowance, longestAllowance) = (TimeAmount.milliseconds(20), TimeAmount.milliseconds(100))
  static let rest = TimeAmount.milliseconds(3)
  /// A loop between whose turns so much time passed had nothing to do for a while. With less than that it may have waited for the processor:
  /// with 25 ms, such waits were not seen, and too many were taken.
  static let pause = TimeAmount.milliseconds(100)
  /// Once nobody was refused for so long, all are taken.
  static let recovery = TimeAmount.milliseconds(1000)

  private let eventLoop: any EventLoop
  private let now: () -> NIODeadline
  private let sleep: (TimeAmount) -> Void
  /// How many connections are open.
  private let open: () -> Int
  /// When the turn that is under way began with requests; nil between turns.
  private var turnBegan: NIODeadline?
  /// The number of the turn that is under way, or was last; from 1.
  private var turn = 0
  /// How many connections have asked in this turn.
  private var connections = 0
  private var turnEnded: NIODeadline
  /// When the first of the long turns ended, if the last one was long.
  private var longSince: NIODeadline?
  /// How many requests may be taken in a second, of those that may be refused; nil if all are. Where turns are longer than the allowance,
  /// fewer are.
  private(set) var limit: Double?
  /// How many may be taken now, of those for which there was time until ``counted``.
  private var room = 0.0
  private var counted: NIODeadline
  private var returnTimes: ReturnTimes
  /// Whether somebody was refused in this turn, and when somebody last was: at the end of a turn, or between two.
  private var hasRefused = false
  private var lastRefusal: NIODeadline
  private var windowBegan: NIODeadline
  /// How long each connection took of the turn after which the limit was set.
  private var cost = TimeAmount.zero
  /// The longest that a connection may have waited in this window.
  private var waited = TimeAmount.zero
  /// How many requests have come, in this window or since ``longSince``; and how many were taken in this window of those that may be refused.
  private var (requests, taken) = (0, 0)

  /// - Parameters:
  ///   - open: gives how many connections are open.
  ///   - sleep: blocks the thread.
  init(
    _ eventLoop: any EventLoop, open: @escaping () -> Int, now: @escaping () -> NIODeadline = { .now() },
    sleep: @escaping (TimeAmount) -> Void = { _ = usleep(UInt32($0.nanoseconds / 1000)) }
  ) {
    self.eventLoop = eventLoop
    self.open = open
    self.now = now
    self.sleep = sleep
    turnEnded = now()
    (counted, lastRefusal, windowBegan, returnTimes) = (turnEnded, turnEnded, turnEnded, ReturnTimes(at: turnEnded))
  }

  /// To be called for each request as it has come: where sockets are read, so that a turn has its rest between two looks at them, and not
  /// each of those that one client has sent ahead.
  /// - Parameter lastTurn: where the request's connection keeps the number of its last turn; 0 at first. It counts once a turn, however
  ///   many requests it has sent ahead.
  func begin(_ lastTurn: inout Int) {
    if turnBegan == nil { beginTurn() }
    if lastTurn != turn { connections += 1 }
    lastTurn = turn
    requests += 1
  }

  /// Whether it must be told of requests that may be refused.
  var isWatching: Bool { limit != nil }

  /// After how many seconds the next one is to ask again of the requests that may be refused; nil if it is taken. To be called once for
  /// each of them while ``isWatching``.
  func refuse() -> Int? {
    // What was sent ahead may be answered between turns.
    let isBetweenTurns = turnBegan == nil
    if isBetweenTurns { count(now()) }
    guard let limit else { return nil }
    if room < 1 {
      if isBetweenTurns { lastRefusal = counted } else { hasRefused = true }
      return returnTimes.take(at: counted, rate: limit)
    }
    room -= 1
    taken += 1
    return nil
  }

  private func beginTurn() {
    let now = now()
    count(now)
    if now - turnEnded > Self.pause { longSince = nil }
    turnBegan = now
    turn += 1
    // What is to be executed is, after the connections that have something.
    eventLoop.assumeIsolated().execute { self.endTurn() }
  }

  /// Counts for how many there was time until now.
  private func count(_ now: NIODeadline) {
    guard let limit else { return }
    if now - lastRefusal > Self.recovery {
      self.limit = nil
      return
    }
    let allowed = min(max(Self.allowance, now - lastRefusal), Self.longestAllowance)
    room = min(max(1, limit * allowed.seconds), room + limit * (now - counted).seconds)
    counted = now
  }

  private func endTurn() {
    guard let began = turnBegan else { return }
    let (end, isCrowded) = (now(), connections >= Self.few)
    let (last, cost) = (turnEnded, (end - began) / max(1, connections))
    (turnBegan, turnEnded, connections) = (nil, end, 0)
    if let limit {
      if hasRefused { (lastRefusal, hasRefused) = (end, false) }
      // Nobody had to wait while there was nothing to do.
      if isCrowded { waited = max(waited, end - (began - last > Self.pause ? began : last)) }
      if end - windowBegan >= Self.window { self.limit = adjusted(limit, end) }
      sleep(Self.rest)
    } else if isCrowded && end - began > Self.longestTurn && isTooLongForAll(cost) {
      judge(end, cost: cost)
    } else {
      longSince = nil
    }
  }

  /// Whether a turn is too long in which all ask and each takes so long.
  private func isTooLongForAll(_ cost: TimeAmount) -> Bool { cost * open() > Self.longestTurnOfAll }

  /// After a turn that was too long. Who asked is counted from the end of the first of them, which may be a spike by itself.
  private func judge(_ end: NIODeadline, cost: TimeAmount) {
    guard let since = longSince else {
      (longSince, requests) = (end, 0)
      return
    }
    if end - since <= Self.patience { return }
    // That was too much. Those who can't be refused count too: just before a sale there is nobody else.
    let first = max(Self.least, Double(requests) / (end - since).seconds)
    (limit, longSince) = (first, nil)
    (room, counted, lastRefusal, self.cost) = (first * Self.allowance.seconds, end, end, cost)
    beginWindow(end)
  }

  /// The limit after this window; nil if there are no longer so many that one is needed.
  private func adjusted(_ limit: Double, _ end: NIODeadline) -> Double? {
    defer { beginWindow(end) }
    if !isTooLongForAll(cost) { return nil }
    // Where the others take more than half of the time, it is they who make everybody wait.
    let isForOthers = taken * Self.othersForOne < requests - taken
    if waited <= Self.longestWait || isForOthers { return limit * Self.growth }
    return limit * max(Self.leftAtLeast, pow(Self.longestWait.seconds / waited.seconds, Self.shrinking))
  }

  private func beginWindow(_ time: NIODeadline) { (windowBegan, waited, requests, taken) = (time, .zero, 0, 0) }
}

extension TimeAmount {
  fileprivate static func / (time: Self, count: Int) -> Self { .nanoseconds(time.nanoseconds / Int64(count)) }
  fileprivate var seconds: Double { Double(nanoseconds) / 1e9 }
}
