import Pipeline
import Ticketing

/// What a batch changes of one event, gathered decision by decision.
struct DraftBatch {
  private(set) var batch: EventBatch
  private var head: HashChain.Hash
  private let countsBefore: [Availability.Counts]
  /// Where a reservation that this batch made is in `batch.created`.
  private var created: [Int64: Int] = [:]
  private var updated: [Int64: EventBatch.Update] = [:]
  private var takenSeats: [SeatIndex: Int64] = [:]

  init(_ event: LoadedEvent) {
    batch = EventBatch(event: event.state.event.id, fromVersion: event.state.version, entries: [])
    head = event.head
    countsBefore = event.state.sectionCounts
  }

  /// - Parameter existing: the reservation that an extension, release or expiry is about, as it was before the decision.
  mutating func add(_ decision: Decision, existing: LiveReservation?) {
    let sequence = decision.command.request == nil ? existing?.sequence ?? 0 : decision.version
    let entry = JournalEntry(decision, after: head, sequence: sequence)
    head = entry.hash
    batch.entries.append(entry)
    switch (decision.outcome, existing) {
    case (.held, _), (.rejected, _): create(decision)
    case (.extended(let expiresAt), .some(let existing)): update(existing, to: .held, expiresAt: expiresAt, extension: 1)
    case (.released, .some(let existing)): end(existing, as: .released)
    case (.expired, .some(let existing)): end(existing, as: .expired)
    case (.unchanged, _): break
    case (.extended, nil), (.released, nil), (.expired, nil):
      preconditionFailure("\(decision.outcome) of a reservation that the event does not have, at version \(decision.version)")
    }
  }

  /// The batch, with what follows from the state that it leads to.
  func finished(leadingTo event: LoadedEvent) -> EventBatch {
    var batch = batch
    batch.updated = updated.values.sorted { $0.sequence < $1.sequence }
    batch.takenSeats = takenSeats.sorted { $0.key < $1.key }.map { (seat: $0.key, sequence: $0.value) }
    batch.counts = event.state.sectionCounts
    batch.changedSections = batch.counts.indices.filter { batch.counts[$0] != countsBefore[$0] }
    batch.nextExpiry = event.state.nextExpiry
    return batch
  }

  private mutating func create(_ decision: Decision) {
    guard let request = decision.command.request else {
      preconditionFailure("\(decision.outcome) decided for \(decision.command.action)")
    }
    var record = ReservationRecord(
      id: decision.command.reservation, event: batch.event, status: .rejected, version: 1, request: request,
      createdAt: decision.command.acceptedAt, sequence: decision.version)
    switch decision.outcome {
    case .held(let allocation, let expiresAt):
      record.status = .held
      record.allocation = allocation
      record.expiresAt = expiresAt
      if case .seats(let seats) = allocation {
        for seat in seats { takenSeats[seat] = decision.version }
      }
    case .rejected(let rejection): record.rejection = rejection
    default: break
    }
    created[decision.version] = batch.created.count
    batch.created.append(record)
  }

  private mutating func update(
    _ existing: LiveReservation, to status: ReservationRecord.Status, expiresAt: Timestamp, extension added: Int
  ) {
    if let index = created[existing.sequence] {
      batch.created[index].status = status
      batch.created[index].version = existing.version + 1
      batch.created[index].expiresAt = expiresAt
      batch.created[index].extensionsUsed = existing.extensionsUsed + added
    } else {
      updated[existing.sequence] = EventBatch.Update(
        sequence: existing.sequence, status: status, version: existing.version + 1, expiresAt: expiresAt,
        extensionsUsed: existing.extensionsUsed + added)
    }
  }

  private mutating func end(_ existing: LiveReservation, as status: ReservationRecord.Status) {
    update(existing, to: status, expiresAt: existing.expiresAt, extension: 0)
    guard case .seats(let seats) = existing.allocation else { return }
    for seat in seats where takenSeats.removeValue(forKey: seat) == nil { batch.freedSeats.append(seat) }
  }
}

extension EventState {
  /// The counts as the journal and the view keep them.
  var sectionCounts: [Availability.Counts] { counts.map { Availability.Counts(held: $0.held, sold: $0.sold) } }
}
