/// A rejection's name in the HTTP contract. It never changes.
public enum RejectionCode: String, CaseIterable, Sendable {
  case soldOut = "sold_out"
  case seatsTaken = "seats_taken"
  case noAdjacentSeats = "no_adjacent_seats"
  case limitExceeded = "limit_exceeded"
  case notOnSale = "not_on_sale"
  case salesPaused = "sales_paused"
  case unknownSection = "unknown_section"
  case unknownSeat = "unknown_seat"
  case eventCancelled = "event_cancelled"
  case discarded = "discarded"
}

extension Rejection {
  public var code: RejectionCode {
    switch self {
    case .soldOut: .soldOut
    case .seatsTaken: .seatsTaken
    case .noAdjacentSeats: .noAdjacentSeats
    case .limitExceeded: .limitExceeded
    case .notOnSale: .notOnSale
    case .salesPaused: .salesPaused
    case .unknownSection: .unknownSection
    case .unknownSeat: .unknownSeat
    case .eventCancelled: .eventCancelled
    case .discarded: .discarded
    }
  }

  /// The rejection in a sentence for the customer.
  public func message(in event: Event) -> String { message(in: SeatPlan(event.sections)) }

  /// The rejection in a sentence for the customer, where the event's plan is at hand.
  public func message(in plan: SeatPlan) -> String {
    switch self {
    case .soldOut(let section, let requested, let available):
      let name = name(of: section, in: plan)
      return switch available {
      case ...0: "\(name) is sold out."
      case 1: "Only 1 ticket is left in \(name); you asked for \(requested)."
      default: "Only \(available) tickets are left in \(name); you asked for \(requested)."
      }
    case .seatsTaken(let seats):
      return seatsTakenMessage(seats, in: plan)
    case .noAdjacentSeats(let section, let requested):
      return "There are no \(requested) seats side by side left in \(name(of: section, in: plan))."
    case .limitExceeded(let limit, let alreadyHas, let requested):
      if !Selection.quantities.contains(requested) {
        return "One reservation is for \(Selection.quantities.lowerBound) to \(Selection.quantities.upperBound) tickets."
      }
      let rule = "One customer can have at most \(limit) \(limit == 1 ? "ticket" : "tickets") of this event"
      return alreadyHas == 0
        ? "\(rule); you asked for \(requested)." : "\(rule); you have \(alreadyHas) already and asked for \(requested) more."
    case .notOnSale: return "Tickets were not on sale when you asked for them."
    case .salesPaused: return "The sale is paused. Please try again later."
    case .unknownSection: return "This event has no such section."
    case .unknownSeat: return "This event has no such seat, or one was named twice."
    case .eventCancelled: return "The event is cancelled."
    case .discarded: return "The request could not be handled, and was discarded by the operator of the sale."
    }
  }

  /// A record from elsewhere may name what the event does not have: that is no reason to stop.
  private func name(of section: SectionIndex, in plan: SeatPlan) -> String {
    plan.sections.indices.contains(section) ? plan.sections[section].name : "an unknown section"
  }

  private func seatsTakenMessage(_ seats: [SeatIndex], in plan: SeatPlan) -> String {
    let most = 5
    let seats = seats.filter(plan.contains)
    if seats.isEmpty { return "The seats are taken." }
    if seats.count == 1 { return "Seat \(plan.name(of: seats[0])) is taken." }
    var names = seats.prefix(most).map(plan.name)
    names.append(seats.count > most ? "\(seats.count - most) more" : names.removeLast())
    return "Seats \(names.dropLast().joined(separator: ", ")) and \(names[names.count - 1]) are taken."
  }
}
