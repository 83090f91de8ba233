import Pipeline
import Ticketing

/// Decides requests for single seats and makes batches of them, as a worker does, to see what writing them costs by itself.
struct Batches {
  private var state: EventState
  private var head: HashChain.Hash
  let record: EventRecord

  /// An event with so many seats.
  init(seats: Int) {
    let now = wallClock()
    let rows = stride(from: 0, to: seats, by: 500).map {
      Ticketing.Row(name: "R\($0)", seats: min(500, seats - $0), aislesAfter: [])
    }
    let event = Event(
      id: EventID(.random(in: 1 ... .max)), status: .published, salesOpenAt: now.adding(seconds: -60),
      salesCloseAt: now.adding(seconds: 86_400), holdSeconds: 7200, maxExtensions: 1, maxTicketsPerCustomer: 10,
      sections: [Section(id: "hall", name: "Hall", kind: .seated(rows: rows), price: Money(amount: 4500, currency: "EUR"))])
    record = EventRecord(
      event: event, organiser: CustomerID(1), name: "Benchmark", venue: "Hall", description: nil, startsAt: now, createdAt: now)
    state = EventState(event: event)
    head = HashChain.origin(of: event)
  }

  /// So many decisions, each of which gives a customer of its own a seat.
  mutating func next(_ count: Int) -> EventBatch {
    var batch = EventBatch(event: record.event.id, fromVersion: state.version, entries: [])
    for _ in 0..<count { decideOne(in: &batch) }
    batch.counts = state.counts.map { Availability.Counts(held: $0.held, sold: $0.sold) }
    batch.changedSections = [0]
    batch.nextExpiry = state.nextExpiry
    return batch
  }

  private mutating func decideOne(in batch: inout EventBatch) {
    let now = max(wallClock(), state.lastDecidedAt)
    let request = Command.Request(
      customer: CustomerID(.random(in: 1 ... .max)), selection: .best(section: 0, quantity: 1, adjacent: false))
    let command = Command(
      id: CommandID(.random(in: 1 ... .max)), event: record.event.id, action: .reserve(request), acceptedAt: now)
    let decision = decide(command, given: state, at: now)
    state.apply(decision)
    let entry = JournalEntry(decision, after: head, sequence: decision.version)
    head = entry.hash
    batch.entries.append(entry)
    let live = state.reservation(command.reservation)
    batch.created.append(
      ReservationRecord(
        id: command.reservation, event: record.event.id, status: live == nil ? .rejected : .held, version: 1, request: request,
        createdAt: now, sequence: decision.version, allocation: live?.allocation, expiresAt: live?.expiresAt))
    if case .held(.seats(let seats), _) = decision.outcome { batch.takenSeats += seats.map { ($0, decision.version) } }
  }
}
