import BackendsTestSupport
import Pipeline
import Ticketing

/// Decides commands of one event and makes batches of them, as a worker does.
struct Decider {
  private(set) var state: EventState
  private(set) var head: HashChain.Hash

  init(_ record: EventRecord) {
    state = EventState(event: record.event)
    head = HashChain.origin(of: record.event)
  }

  /// One that believes that nothing is gone, although its version is the present one: only the database can stop it.
  init(forgetting other: Decider) throws {
    state = try EventState(
      event: other.state.event, version: other.state.version, lastDecidedAt: other.state.lastDecidedAt,
      live: [LiveReservation]())
    head = other.head
  }

  /// A batch of these commands. None of them may be about a reservation of another one.
  /// - Parameter time: when they are decided; now unless given.
  mutating func batch(_ commands: [Command], at time: Timestamp? = nil) -> EventBatch {
    var batch = EventBatch(event: state.event.id, fromVersion: state.version, entries: [])
    let before = state.counts
    for command in commands { add(command, at: time ?? wallClock(), to: &batch) }
    batch.counts = state.counts.map { Availability.Counts(held: $0.held, sold: $0.sold) }
    batch.changedSections = state.counts.indices.filter { state.counts[$0] != before[$0] }
    batch.nextExpiry = state.nextExpiry
    return batch
  }

  private mutating func add(_ command: Command, at time: Timestamp, to batch: inout EventBatch) {
    let existing = state.reservation(command.reservation)
    let decision = decide(command, given: state, at: max(time, state.lastDecidedAt))
    state.apply(decision)
    let entry: JournalEntry
    if case .reserve(let request) = command.action {
      entry = JournalEntry(decision, after: head, sequence: decision.version)
      batch.created.append(created(decision, request))
      if case .held(.seats(let seats), _) = decision.outcome { batch.takenSeats += seats.map { ($0, decision.version) } }
    } else {
      entry = JournalEntry(decision, after: head, sequence: existing?.sequence ?? 0)
      if let existing { change(existing, by: decision.outcome, in: &batch) }
    }
    batch.entries.append(entry)
    head = entry.hash
  }

  private func created(_ decision: Decision, _ request: Command.Request) -> ReservationRecord {
    let live = state.reservation(decision.command.reservation)
    var record = ReservationRecord(
      id: decision.command.reservation, event: state.event.id, status: live == nil ? .rejected : .held, version: 1,
      request: request, createdAt: decision.command.acceptedAt, sequence: decision.version, allocation: live?.allocation,
      expiresAt: live?.expiresAt)
    if case .rejected(let rejection) = decision.outcome { record.rejection = rejection }
    return record
  }

  private func change(_ existing: LiveReservation, by outcome: Outcome, in batch: inout EventBatch) {
    let live = state.reservation(existing.id)
    batch.updated.append(
      EventBatch.Update(
        sequence: existing.sequence, status: live == nil ? .released : .held, version: existing.version + 1,
        expiresAt: live?.expiresAt ?? existing.expiresAt, extensionsUsed: live?.extensionsUsed ?? existing.extensionsUsed))
    if live == nil, case .seats(let seats) = existing.allocation { batch.freedSeats += seats }
  }
}
