import Pipeline
import Ticketing

/// PostgreSQL with the tables of `sql/`, and what their keys and checks refuse.
final class Database: @unchecked Sendable {
  /// What there is of one event.
  struct Tables {
    var record: EventRecord
    var version: Int64 = 0
    var head: HashChain.Hash
    var decidedAt = Timestamp(microseconds: 0)
    var nextExpiry: Timestamp?
    var decisions: [Int64: JournalEntry] = [:]
    var reservations: [Int64: ReservationRecord] = [:]
    /// By version, the true time of the commit.
    var committedAt: [Int64: Int64] = [:]
    var allocations: [SeatIndex: Int64] = [:]
    var counters: [Availability.Counts]

    init(_ record: EventRecord) {
      self.record = record
      head = HashChain.origin(of: record.event)
      counters = record.event.sections.map { _ in Availability.Counts(held: 0, sold: 0) }
    }

    /// As its worker loads it.
    func loaded() throws(Contradiction) -> LoadedEvent {
      let live = reservations.values.filter { $0.status == .held }.sorted { $0.sequence < $1.sequence }
      let state = try EventState(
        event: record.event, version: version, lastDecidedAt: decidedAt,
        live: live.compactMap { reservation in
          guard let allocation = reservation.allocation, let expiresAt = reservation.expiresAt else { return nil }
          return LiveReservation(
            id: reservation.id, sequence: reservation.sequence, customer: reservation.customer, allocation: allocation,
            expiresAt: expiresAt, extensionsUsed: reservation.extensionsUsed, version: reservation.version)
        })
      return LoadedEvent(state: state, head: head)
    }

    /// The letters of its seated sections.
    var letters: [(section: SectionIndex, letters: [UInt8])] {
      let plan = SeatPlan(record.event.sections)
      return plan.sections.indices.compactMap { section in
        let seats = plan.seats(of: section)
        if seats.isEmpty { return nil }
        return (section, seats.map { allocations[$0] == nil ? SeatLetter.available : SeatLetter.held })
      }
    }
  }

  private let world: World
  private(set) var events: [EventID: Tables] = [:]
  private(set) var commands: Set<CommandID> = []
  private(set) var letters: [DeadLetter] = []
  private var attempts: [CommandID: (partition: Int, attempts: Attempts)] = [:]
  private var lastSeen: [WorkerID: Int64] = [:]

  init(_ world: World, _ records: [EventRecord]) {
    self.world = world
    for record in records { events[record.event.id] = Tables(record) }
  }

  /// The events, always in the same order.
  var tables: [Tables] { events.values.sorted { $0.record.event.id < $1.record.event.id } }

  func isDecided(_ command: CommandID) -> Bool { commands.contains(command) }

  func reservation(_ id: ReservationID) -> ReservationRecord? {
    for tables in tables {
      if let found = tables.reservations.values.first(where: { $0.id == id }) { return found }
      if let rejected = tables.decisions.values.first(where: { $0.decision.command.reservation == id })?.rejected {
        return rejected
      }
    }
    return nil
  }

  func load(_ ids: [EventID]) throws(Contradiction) -> [LoadedEvent] {
    var loaded: [LoadedEvent] = []
    for id in ids {
      if let event = try events[id]?.loaded() { loaded.append(event) }
    }
    return loaded
  }

  /// Where the history of each event of a partition stands that has one.
  func streams(of partition: Int, in partitioning: Partitioning) -> [EventStream] {
    tables.filter { $0.version > 0 && partitioning.partition(of: $0.record.event.id) == partition }.map { tables in
      EventStream(event: tables.record.event.id, version: tables.version, nextExpiry: tables.nextExpiry)
    }
  }

  // MARK: Writing

  /// All or none. Nil where a key, a check or `advance_streams` refuses it.
  func commit(_ batches: [EventBatch]) -> [ReservationRecord]? {
    var (newEvents, newCommands) = (events, commands)
    var updated: [ReservationRecord] = []
    for batch in batches {
      guard var tables = newEvents[batch.event], write(batch, &tables, &newCommands, &updated) else {
        if world.defect == .tornTransaction { (events, commands) = (newEvents, newCommands) }
        world.note("refuses", nil, about: batch.event.rawValue, batch.fromVersion)
        return nil
      }
      newEvents[batch.event] = tables
    }
    (events, commands) = (newEvents, newCommands)
    for entry in batches.flatMap(\.entries) {
      world.note("decided", nil, about: entry.decision.command.reservation.rawValue, entry.decision.version)
    }
    return updated
  }

  private func write(
    _ batch: EventBatch, _ tables: inout Tables, _ commands: inout Set<CommandID>, _ updated: inout [ReservationRecord]
  ) -> Bool {
    guard let last = batch.entries.last else { return false }
    let isUnchecked = world.defect == .skipVersionCheck
    guard tables.version == batch.fromVersion || isUnchecked else { return false }
    tables.version = batch.toVersion
    tables.head = last.hash
    tables.decidedAt = last.decision.decidedAt
    tables.nextExpiry = batch.nextExpiry
    for entry in batch.entries {
      tables.committedAt[entry.decision.version] = world.scheduler.now
      guard tables.decisions.updateValue(entry, forKey: entry.decision.version) == nil || isUnchecked else { return false }
      if case .expire = entry.decision.command.action { continue }
      let isNew = commands.insert(entry.decision.command.id).inserted
      guard isNew || isUnchecked || world.defect == .forgetDeduplication || world.defect == .ignoreRedelivered else {
        return false
      }
    }
    for record in batch.created where record.allocation != nil {
      var record = record
      if record.status != .held { record.expiresAt = nil }
      tables.reservations[record.sequence] = record
    }
    for update in batch.updated {
      guard var record = tables.reservations[update.sequence] else { continue }
      record.status = update.status
      record.version = update.version
      record.expiresAt = update.status == .held ? update.expiresAt : nil
      record.extensionsUsed = update.extensionsUsed
      tables.reservations[update.sequence] = record
      updated.append(record)
    }
    for seat in batch.freedSeats { tables.allocations[seat] = nil }
    for (seat, sequence) in batch.takenSeats {
      guard tables.allocations.updateValue(sequence, forKey: seat) == nil || isUnchecked else { return false }
    }
    for section in batch.changedSections {
      let counts = batch.counts[section]
      guard counts.held >= 0, counts.sold >= 0, counts.held + counts.sold <= tables.record.event.sections[section].capacity else {
        return false
      }
      tables.counters[section] = counts
    }
    return true
  }

  func setAside(_ letters: [DeadLetter]) {
    for letter in letters where !self.letters.contains(where: { $0.id == letter.id }) { self.letters.append(letter) }
  }

  // MARK: Attempts

  func attempts(at commands: [CommandID]) -> [CommandID: Attempts] {
    attempts.filter { commands.contains($0.key) }.mapValues(\.attempts)
  }

  func noteAttempt(at commands: [CommandID], in partition: Int) -> [CommandID: Attempts] {
    for command in Set(commands) {
      var noted = attempts[command] ?? (partition, Attempts())
      if commands.count == 1 { noted.attempts.alone += 1 } else { noted.attempts.together += 1 }
      attempts[command] = noted
    }
    return attempts(at: commands)
  }

  func withdrawAttempt(at command: CommandID) {
    if let noted = attempts[command], noted.attempts.alone > 0 { attempts[command]?.attempts.alone -= 1 }
  }

  func clearAttempts(in partition: Int) { attempts = attempts.filter { $0.value.partition != partition } }

  // MARK: Membership

  private static let patience: Int64 = 2_000_000

  func beat(_ worker: WorkerID) { lastSeen[worker] = world.scheduler.now }
  func leave(_ worker: WorkerID) { lastSeen[worker] = nil }
  var members: [WorkerID] { lastSeen.filter { $0.value > world.scheduler.now - Self.patience }.map(\.key).sorted() }
}

extension JournalEntry {
  /// The reservation that this decision refused.
  var rejected: ReservationRecord? {
    guard case .reserve(let request) = decision.command.action, case .rejected(let rejection) = decision.outcome else {
      return nil
    }
    return ReservationRecord(
      id: decision.command.reservation, event: decision.command.event, status: .rejected, version: 1, request: request,
      createdAt: decision.command.acceptedAt, sequence: decision.version, rejection: rejection)
  }
}
