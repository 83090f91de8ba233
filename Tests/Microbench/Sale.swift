import Ticketing

/// An event that is decided about, one command after the other, by one clock.
final class Sale {
  private(set) var state: EventState
  var now = present
  private var lastNumber = 0

  init(_ sections: [Section], limit: Int = 8, holds: Int = 0) {
    state = EventState(event: onSale(sections, limit: limit))
    for _ in 0..<holds { reserve(.best(section: 0, quantity: 1, adjacent: true)) }
  }

  /// Takes seats from the front until so many are gone.
  convenience init(rows: Int, taken: Int) {
    self.init([hall(rows: rows)], limit: 100)
    for first in stride(from: 0, to: taken, by: 100) {
      reserve(.seats(Array(SeatIndex(first)..<SeatIndex(min(first + 100, taken)))))
    }
  }

  /// By somebody who has not been here before.
  @discardableResult func reserve(_ selection: Selection) -> ReservationID {
    lastNumber += 1
    let id = CommandID(identity(lastNumber))
    perform(.reserve(Command.Request(customer: customer(lastNumber << 32), selection: selection)), id)
    return ReservationID(id.rawValue)
  }

  /// A millisecond after the command before.
  @discardableResult func perform(_ action: Command.Action, _ id: CommandID = CommandID(1)) -> Outcome {
    now.microseconds += 1000
    return Self.perform(Command(id: id, event: state.event.id, action: action, acceptedAt: present), on: &state, at: now)
  }

  /// The state is not copied, as it is not in a worker.
  private static func perform(_ command: Command, on state: inout EventState, at now: Timestamp) -> Outcome {
    let decision = decide(command, given: state, at: now)
    state.apply(decision)
    return decision.outcome
  }
}
