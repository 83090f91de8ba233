import Pipeline
import Ticketing

/// An event's history told again: every command decided anew, on the state that the decisions before it led to, and compared with
/// what was written down.
struct EventReplay {
  /// How far clocks may be apart before a time is not plausible: gateways and workers have clocks of their own, which may have been
  /// stepped.
  static let clockTolerance = 3600

  private(set) var state: EventState
  /// What became of the reservation that each decision made; by its version, from 1. Two dozen bytes a decision is all that is kept.
  private(set) var courses: [ReservationCourse?] = []
  /// Whether something was found after which nothing can be replayed.
  private(set) var isBroken = false
  /// The last row's hash as it is stored, and as it should be. They differ only where a difference was noted.
  private(set) var heads: (stored: HashChain.Hash, computed: HashChain.Hash)
  private var version: Int64 = 0
  private let event: Event
  private let createdAt: Timestamp
  private let latest: Timestamp

  /// - Parameter now: The database's clock.
  init(of record: EventRecord, now: Timestamp) {
    event = record.event
    createdAt = record.createdAt
    latest = now.adding(seconds: Self.clockTolerance)
    state = EventState(event: record.event)
    let origin = HashChain.origin(of: record.event)
    heads = (origin, origin)
  }

  /// When the last decision was made, or else the event.
  var lastDecidedAt: Timestamp { state.version == 0 ? createdAt : state.lastDecidedAt }

  /// Replays the next decision.
  /// - Returns: the version of the decision that made the reservation that this one changed, if any.
  @discardableResult mutating func replay(_ row: StoredDecision, _ findings: inout Findings) -> Int64? {
    let name = DecisionName(version: row.version)
    findings.decisions += 1
    if row.version != version + 1 {
      findings.differ(event.id, "decisions version", stored: "\(row.version) after \(version)", replayed: "\(version + 1)")
      isBroken = true
    }
    version = row.version
    chain(row, name, &findings)
    guard !isBroken else { return nil }
    guard let command = command(of: row, name, &findings) else { return nil }
    let decided = decide(command, given: state, at: row.decidedAt)
    findings.compare(event.id, "\(name) decided_at", row.decidedAt, decided.decidedAt)
    checkTimes(of: command, decidedAt: row.decidedAt, name, &findings)
    let recorded = outcome(of: row, decided.outcome, name, &findings)
    let sequence = sequence(of: command)
    findings.compare(event.id, "\(name) reservation", row.sequence, sequence)
    do throws(Contradiction) {
      try state.replay(Decision(version: row.version, command: command, decidedAt: decided.decidedAt, outcome: recorded))
    } catch {
      findings.differ(event.id, name.description, stored: error.description, replayed: "\(decided.outcome)")
      isBroken = true
      return nil
    }
    return note(recorded, of: sequence, at: row.decidedAt)
  }

  /// The hash covers the one before it. Where that one was found to be wrong, either it or the right one may be what was covered:
  /// one flipped byte is one difference, and not one for each decision after it.
  private mutating func chain(_ row: StoredDecision, _ name: DecisionName, _ findings: inout Findings) {
    var computed = row.hashed(after: heads.stored)
    if computed != row.hash, heads.stored != heads.computed {
      let other = row.hashed(after: heads.computed)
      if other == row.hash { computed = other }
    }
    if computed != row.hash { findings.differ(event.id, "\(name) hash", stored: shown(row.hash), replayed: shown(computed)) }
    heads = (row.hash, computed)
  }

  /// The row's command, compared with the columns that repeat a part of it; nil if it can't be read.
  private mutating func command(of row: StoredDecision, _ name: DecisionName, _ findings: inout Findings) -> Command? {
    var reader = ByteReader(row.command)
    let command: Command
    do throws(CodingFailure) {
      command = try reader.readCommand()
      try reader.expectEnd()
    } catch {
      findings.differ(event.id, "\(name) command", stored: error.description, replayed: "a command")
      isBroken = true
      return nil
    }
    let isExpiry = if case .expire = command.action { true } else { false }
    findings.compare(event.id, "\(name) event_id", row.event, command.event)
    findings.compare(
      event.id, "\(name) command_id", row.commandID.map { CommandID($0) }, isExpiry ? nil : Optional(command.id))
    findings.compare(event.id, "\(name) reservation_id", row.reservation, command.reservation)
    if command.event != event.id { isBroken = true }
    return isBroken ? nil : command
  }

  /// The outcome that was written down, which is what the history went on from.
  private func outcome(of row: StoredDecision, _ decided: Outcome, _ name: DecisionName, _ findings: inout Findings) -> Outcome {
    var writer = ByteWriter(capacity: 64)
    writer.write(decided)
    if row.outcome == writer.bytes { return decided }
    var reader = ByteReader(row.outcome)
    do throws(CodingFailure) {
      let recorded = try reader.readOutcome()
      try reader.expectEnd()
      findings.differ(event.id, "\(name) outcome", stored: "\(recorded)", replayed: "\(decided)")
      return recorded
    } catch {
      findings.differ(event.id, "\(name) outcome", stored: error.description, replayed: "\(decided)")
      return decided
    }
  }

  private func checkTimes(of command: Command, decidedAt: Timestamp, _ name: DecisionName, _ findings: inout Findings) {
    if command.acceptedAt > decidedAt.adding(seconds: Self.clockTolerance) {
      findings.differ(
        event.id, "\(name) accepted_at", stored: shown(command.acceptedAt),
        replayed: "before \(shown(decidedAt)), when it was decided")
    }
    if command.acceptedAt < createdAt.adding(seconds: -Self.clockTolerance) {
      findings.differ(
        event.id, "\(name) accepted_at", stored: shown(command.acceptedAt),
        replayed: "after \(shown(createdAt)), when the event was made")
    }
    if decidedAt > latest {
      findings.differ(
        event.id, "\(name) decided_at", stored: shown(decidedAt), replayed: "before \(shown(latest)), which is to come")
    }
  }

  /// The version at which the reservation concerned was decided; 0 if there is none.
  private func sequence(of command: Command) -> Int64 {
    if command.request != nil { return state.version + 1 }
    return state.reservation(command.reservation)?.sequence ?? 0
  }

  private mutating func note(_ outcome: Outcome, of sequence: Int64, at time: Timestamp) -> Int64? {
    courses.append(nil)
    var course = (sequence > 0 ? courses[Int(sequence) - 1] : nil) ?? ReservationCourse(status: .rejected, at: time)
    switch outcome {
    case .unchanged: return nil
    case .rejected: if sequence == 0 { return nil }
    case .held(_, let expiresAt): (course.status, course.expiresAt) = (.held, expiresAt)
    case .extended(let expiresAt):
      course.expiresAt = expiresAt
      course.extensionsUsed += 1
    case .released: course.status = .released
    case .expired: course.status = .expired
    }
    course.version += 1
    course.changedAt = time
    courses[Int(sequence) - 1] = course
    return sequence
  }
}

/// What a row is called where it differs: a text is made of it only then, and not a million times.
private struct DecisionName: CustomStringConvertible {
  var version: Int64
  var description: String { "decisions \(version)" }
}

/// What became of a reservation.
struct ReservationCourse: Hashable {
  var status: ReservationRecord.Status
  var extensionsUsed: UInt8 = 0
  /// How often it was decided about, with an effect.
  var version: Int32 = 0
  /// Of its last hold; of no meaning if it never had one.
  var expiresAt = Timestamp(microseconds: 0)
  var changedAt: Timestamp

  init(status: ReservationRecord.Status, at time: Timestamp) { (self.status, changedAt) = (status, time) }
}

extension StoredDecision {
  fileprivate func hashed(after previous: HashChain.Hash) -> HashChain.Hash {
    HashChain.next(after: previous, version: version, decidedAt: decidedAt, command: command, outcome: outcome)
  }

  /// The reservation that this decision made, after all that came later; nil if it made none.
  func reservation(_ course: ReservationCourse) throws(CodingFailure) -> ReservationRecord? {
    var commandReader = ByteReader(command)
    var outcomeReader = ByteReader(outcome)
    let command = try commandReader.readCommand()
    guard let request = command.request else { return nil }
    var record = ReservationRecord(
      id: command.reservation, event: command.event, status: course.status, version: Int64(course.version), request: request,
      createdAt: command.acceptedAt, sequence: version, extensionsUsed: Int(course.extensionsUsed))
    switch try outcomeReader.readOutcome() {
    case .held(let allocation, _):
      record.allocation = allocation
      if course.status == .held { record.expiresAt = course.expiresAt }
    case .rejected(let rejection): record.rejection = rejection
    default: return nil
    }
    return record
  }
}
