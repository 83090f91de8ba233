import BackendsTestSupport
import Pipeline
import TestSupport
import Ticketing

/// Commands as customers would send them: holds, extensions, releases, and everything now and then twice.
struct RandomHistory {
  private var generator: SeededGenerator
  private let events: [Event]
  private let customers: [CustomerID]
  private var reservations: [(ReservationID, EventID)] = []
  private var sent: [Command] = []
  /// All commands so far.
  private(set) var ids: Set<CommandID> = []

  init(seed: UInt64, events: [EventRecord]) {
    generator = SeededGenerator(seed: seed)
    self.events = events.map(\.event)
    customers = (0..<40).map { _ in random() }
  }

  mutating func next(_ count: Int) -> [Command] {
    let commands = (0..<count).map { _ in nextCommand() }
    sent = Array((sent + commands).suffix(500))
    ids.formUnion(commands.map(\.id))
    return commands
  }

  private mutating func nextCommand() -> Command {
    switch Int.random(in: 0..<20, using: &generator) {
    case 0: if let command = sent.randomElement(using: &generator) { return command }
    case 1, 2: if let (id, event) = known() { return .release(id, event: event) }
    case 3, 4: if let (id, event) = known() { return .extend(id, event: event) }
    default: break
    }
    let command = reserve()
    reservations.append((command.reservation, command.event))
    return command
  }

  private mutating func known() -> (ReservationID, EventID)? { reservations.suffix(100).randomElement(using: &generator) }

  private mutating func reserve() -> Command {
    let event = events.randomElement(using: &generator)!
    let section = Int.random(in: event.sections.indices, using: &generator)
    let customer = customers.randomElement(using: &generator)!
    if case .seated = event.sections[section].kind, Bool.random(using: &generator) {
      let plan = SeatPlan(event.sections)
      let seats = plan.seats(of: section)
      return .reserve(seats: [SeatIndex.random(in: seats, using: &generator)], event: event.id, by: customer)
    }
    return .reserve(Int.random(in: 1...4, using: &generator), of: section, event: event.id, by: customer)
  }
}
