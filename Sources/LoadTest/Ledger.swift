import FoundationEssentials
import NIOCore

/// One request for tickets, from its schedule to its outcome. Times are nanoseconds since the run's start.
struct Purchase: Sendable {
  enum Fate: Sendable {
    case unsent, pending, accepted
    /// The server said no at once; `code` says why.
    case refused
    /// No usable answer came, however often it was sent; `code` says what came instead.
    case failed
  }

  var fate = Fate.unsent
  var scheduled: Int64 = 0
  /// When the last answer came.
  var answered: Int64 = 0
  var code = ""
  /// Some try ended without an answer, so the request may be queued although nobody said so.
  var mayBeQueued = false
  var tries = 0
  var reservation = ""
  var outcome: Outcome?
  var seen: Int64 = 0
}

/// What happened, as it happens. On the event loop only.
final class Ledger {
  var purchases: [Purchase]
  let start: NIODeadline
  private(set) var sent = 0
  private(set) var accepted = 0
  private(set) var decided = 0
  private(set) var held = 0
  private(set) var rejected = 0
  private(set) var refused = 0
  private(set) var failed = 0
  private(set) var answers = 0
  var sentAgain = 0
  /// When the latest outcome was seen.
  private(set) var lastSeen: Int64 = 0
  private(set) var lastAnswered: Int64 = 0
  private(set) var lastDecision = 0
  /// The server's clock less this machine's, in seconds.
  private(set) var clockOffset = 0.0
  /// The event's version, by time: how far the server itself has come.
  var versions: [VersionSample] = []

  struct VersionSample: Sendable {
    var at: Int64
    var version: Int
  }

  init(requests: Int, start: NIODeadline) {
    purchases = Array(repeating: Purchase(), count: requests)
    self.start = start
  }

  var now: Int64 { nanoseconds(.now()) }

  func nanoseconds(_ time: NIODeadline) -> Int64 { (time - start).nanoseconds }

  var final: Int { accepted + refused + failed }
  var undecided: Int { accepted - decided }
  /// Whether the event's version has been seen to include the last decision.
  var versionIsReached: Bool { versions.last.map { $0.version >= lastDecision } ?? false }

  func scheduled(_ request: Int, at time: Int64) {
    purchases[request].scheduled = time
    purchases[request].fate = .pending
  }

  func sending(_ request: Int) {
    if purchases[request].tries == 0 { sent += 1 } else { sentAgain += 1 }
    purchases[request].tries += 1
  }

  func answered(_ request: Int) {
    answers += 1
    lastAnswered = now
    purchases[request].answered = lastAnswered
  }

  func accepted(_ request: Int, reservation: String) {
    accepted += 1
    purchases[request].fate = .accepted
    purchases[request].reservation = reservation
  }

  func refused(_ request: Int, code: String) {
    refused += 1
    purchases[request].fate = .refused
    purchases[request].code = code
  }

  func failed(_ request: Int, code: String) {
    failed += 1
    purchases[request].fate = .failed
    purchases[request].code = code
    lastAnswered = now
    purchases[request].answered = lastAnswered
  }

  func decided(_ request: Int, _ outcome: Outcome) {
    decided += 1
    if outcome.isLive { held += 1 } else if outcome.status == "rejected" { rejected += 1 }
    lastSeen = now
    lastDecision = max(lastDecision, outcome.sequence ?? 0)
    if let serverTime = outcome.serverTime { clockOffset = serverTime - Date().timeIntervalSince1970 }
    purchases[request].outcome = outcome
    purchases[request].seen = lastSeen
  }
}
