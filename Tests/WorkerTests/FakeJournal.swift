import BackendsTestSupport
import Pipeline
import Synchronization
import Ticketing

@testable import Worker

/// A journal in memory that refuses what the database would refuse.
final class FakeJournal: Journal {
  /// What goes wrong with the next calls.
  enum Trouble: Equatable {
    /// The next so many calls find nobody.
    case away(calls: Int)
    /// The next commit is carried out, and its answer is lost.
    case answerLost
    /// Before the next commit somebody else decides these commands.
    case overtaken(by: [Command])
    /// Every commit that has this command is refused.
    case refused(CommandID)
  }

  private struct State {
    var events: [EventID: LoadedEvent] = [:]
    var records: [EventID: [Int64: ReservationRecord]] = [:]
    var seats: [EventID: [SeatIndex: Int64]] = [:]
    var entries: [EventID: [JournalEntry]] = [:]
    var commands: Set<CommandID> = []
    var letters: [DeadLetter] = []
    var commits: [[EventBatch]] = []
    var loads: [[EventID]] = []
    var trouble: Trouble?
    var refusals = 0
  }

  private let state = Mutex(State())

  convenience init(_ events: Event...) { self.init(events) }

  init(_ events: [Event]) {
    state.withLock { state in
      for event in events {
        state.events[event.id] = LoadedEvent(state: EventState(event: event), head: HashChain.origin(of: event))
      }
    }
  }

  // MARK: What tests do and see

  func cause(_ trouble: Trouble) { state.withLock { $0.trouble = trouble } }
  /// The batches of all transactions, in their order.
  var commits: [[EventBatch]] { state.withLock { $0.commits } }
  /// What was loaded at a time.
  var loads: [[EventID]] { state.withLock { $0.loads } }
  var letters: [DeadLetter] { state.withLock { $0.letters } }
  /// How many calls found nobody.
  var refusals: Int { state.withLock { $0.refusals } }
  func decisions(of event: Event) -> [Decision] { state.withLock { ($0.entries[event.id] ?? []).map(\.decision) } }
  func current(_ event: Event) -> LoadedEvent? { state.withLock { $0.events[event.id] } }

  /// Decides as another worker would.
  func decideElsewhere(_ commands: [Command], at time: Timestamp = wallClock()) throws(JournalFailure) {
    try state.withLock { state throws(JournalFailure) in try Self.decideElsewhere(commands, at: time, &state) }
  }

  private static func decideElsewhere(_ commands: [Command], at time: Timestamp, _ state: inout State) throws(JournalFailure) {
    for command in commands {
      guard var event = state.events[command.event] else { throw .conflict }
      var draft = DraftBatch(event)
      let decision = decide(command, given: event.state, at: time)
      draft.add(decision, existing: event.state.reservation(command.reservation))
      event.state.apply(decision)
      _ = try write([draft.finished(leadingTo: event)], &state)
    }
  }

  // MARK: Journal

  func load(_ events: [EventID]) async throws(JournalFailure) -> [LoadedEvent] {
    try answering { state in
      state.loads.append(events)
      return events.compactMap { state.events[$0] }
    }
  }

  func decided(_ commands: [CommandID]) async throws(JournalFailure) -> Set<CommandID> {
    try answering { $0.commands.intersection(commands) }
  }

  func reservations(_ ids: [ReservationID]) async throws(JournalFailure) -> [ReservationRecord] {
    try answering { state in state.records.values.flatMap(\.values).filter { ids.contains($0.id) } }
  }

  func commit(_ batches: [EventBatch]) async throws(JournalFailure) -> [ReservationRecord] {
    try state.withLock { state throws(JournalFailure) in
      try Self.meetTrouble(&state)
      if case .refused(let command) = state.trouble,
        batches.contains(where: { $0.entries.contains { $0.decision.command.id == command } })
      {
        throw .refused("no room for it")
      }
      if case .overtaken(let commands) = state.trouble {
        state.trouble = nil
        try Self.decideElsewhere(commands, at: wallClock(), &state)
      }
      let updated = try Self.write(batches, &state)
      state.commits.append(batches)
      if state.trouble == .answerLost {
        state.trouble = nil
        throw .unavailable("the answer was lost")
      }
      return updated
    }
  }

  func changes(of event: EventID, after version: Int64, limit: Int) async throws(JournalFailure) -> JournalChanges {
    try answering { state in
      let entries = (state.entries[event] ?? []).filter { $0.decision.version > version }.prefix(limit)
      let sequences = Set(entries.map(\.sequence))
      let head = Int64(state.entries[event]?.count ?? 0)
      let toVersion = entries.last?.decision.version ?? version
      var changes = JournalChanges(
        toVersion: toVersion, reservations: sequences.compactMap { state.records[event]?[$0] }, present: nil)
      if toVersion == head, let current = state.events[event]?.state {
        let seated = current.event.sections.indices.filter { !current.seatMap(of: $0).isEmpty }
        changes.present = (
          Availability(version: head, sections: current.sectionCounts), seated.map { ($0, Array(current.seatMap(of: $0))) }
        )
      }
      return changes
    }
  }

  func streams(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try answering { state in
      let streams = state.events.values.filter { $0.state.version > 0 }.map {
        EventStream(event: $0.state.event.id, version: $0.state.version, nextExpiry: $0.state.nextExpiry)
      }
      return streams.filter { partitioning.partition(of: $0.event) == partition }
    }
  }

  func streamsWithHolds(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await streams(of: partition, in: partitioning).filter { $0.nextExpiry != nil }
  }

  func setAside(_ letters: [DeadLetter]) async throws(JournalFailure) {
    try answering { $0.letters += letters }
  }

  // MARK: Inside

  private func answering<Answer>(_ body: (inout State) -> Answer) throws(JournalFailure) -> Answer {
    try state.withLock { state throws(JournalFailure) in
      try Self.meetTrouble(&state)
      return body(&state)
    }
  }

  private static func meetTrouble(_ state: inout State) throws(JournalFailure) {
    guard case .away(let calls) = state.trouble else { return }
    state.trouble = calls > 1 ? .away(calls: calls - 1) : nil
    state.refusals += 1
    throw .unavailable("away")
  }

  /// All or none, with the rules of the tables.
  private static func write(_ batches: [EventBatch], _ state: inout State) throws(JournalFailure) -> [ReservationRecord] {
    var new = state
    var updated: [ReservationRecord] = []
    for batch in batches {
      let id = batch.event
      guard var event = new.events[id], event.state.version == batch.fromVersion else { throw .conflict }
      for entry in batch.entries {
        if case .expire = entry.decision.command.action {
        } else if !new.commands.insert(entry.decision.command.id).inserted {
          throw .conflict
        }
        do { try event.state.replay(entry.decision) } catch { throw .conflict }
        event.head = entry.hash
      }
      new.entries[id, default: []] += batch.entries
      for record in batch.created { new.records[id, default: [:]][record.sequence] = record }
      for update in batch.updated {
        guard var record = new.records[id]?[update.sequence] else { throw .conflict }
        (record.status, record.version) = (update.status, update.version)
        record.expiresAt = update.status == .held ? update.expiresAt : nil
        record.extensionsUsed = update.extensionsUsed
        new.records[id]?[update.sequence] = record
        updated.append(record)
      }
      for seat in batch.freedSeats { new.seats[id]?[seat] = nil }
      for (seat, sequence) in batch.takenSeats {
        guard new.seats[id, default: [:]].updateValue(sequence, forKey: seat) == nil else { throw .conflict }
      }
      // The tables must say what the state says.
      guard batch.counts == event.state.sectionCounts, batch.nextExpiry == event.state.nextExpiry,
        new.seats[id, default: [:]] == event.state.seatOwners
      else { throw .conflict }
      new.events[id] = event
    }
    state = new
    return updated
  }
}

extension EventState {
  /// By seat, the sequence of the reservation that has it.
  var seatOwners: [SeatIndex: Int64] {
    var owners: [SeatIndex: Int64] = [:]
    for reservation in reservations {
      guard case .seats(let seats) = reservation.allocation else { continue }
      for seat in seats { owners[seat] = reservation.sequence }
    }
    return owners
  }
}
