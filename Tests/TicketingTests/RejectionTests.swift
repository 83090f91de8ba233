import Testing
import Ticketing

struct RejectionTests {
  static let event = Event.onSale([
    .standing(100), .seated(["........", "........"]),
  ])

  @Test(
    arguments: [
      (Rejection.soldOut(section: 0, requested: 4, available: 0), "sold_out", "Floor is sold out."),
      (.soldOut(section: 1, requested: 4, available: 1), "sold_out", "Only 1 ticket is left in Block A; you asked for 4."),
      (.soldOut(section: 1, requested: 4, available: 2), "sold_out", "Only 2 tickets are left in Block A; you asked for 4."),
      (.seatsTaken([9]), "seats_taken", "Seat block-a-B-2 is taken."),
      (.seatsTaken([0, 9]), "seats_taken", "Seats block-a-A-1 and block-a-B-2 are taken."),
      (
        .seatsTaken([0, 1, 2, 3, 4]), "seats_taken",
        "Seats block-a-A-1, block-a-A-2, block-a-A-3, block-a-A-4 and block-a-A-5 are taken."
      ),
      (
        .seatsTaken(Array(0..<16)), "seats_taken",
        "Seats block-a-A-1, block-a-A-2, block-a-A-3, block-a-A-4, block-a-A-5 and 11 more are taken."
      ),
      (
        .noAdjacentSeats(section: 1, requested: 3), "no_adjacent_seats",
        "There are no 3 seats side by side left in Block A."
      ),
      (
        .limitExceeded(limit: 8, alreadyHas: 0, requested: 9), "limit_exceeded",
        "One customer can have at most 8 tickets of this event; you asked for 9."
      ),
      (
        .limitExceeded(limit: 1, alreadyHas: 1, requested: 2), "limit_exceeded",
        "One customer can have at most 1 ticket of this event; you have 1 already and asked for 2 more."
      ),
      (.limitExceeded(limit: 8, alreadyHas: 0, requested: 0), "limit_exceeded", "One reservation is for 1 to 100 tickets."),
      (.notOnSale, "not_on_sale", "Tickets were not on sale when you asked for them."),
      (.salesPaused, "sales_paused", "The sale is paused. Please try again later."),
      (.unknownSection, "unknown_section", "This event has no such section."),
      (.unknownSeat, "unknown_seat", "This event has no such seat, or one was named twice."),
      (.eventCancelled, "event_cancelled", "The event is cancelled."),
      (.discarded, "discarded", "The request could not be handled, and was discarded by the operator of the sale."),
    ])
  func `a rejection has a code for machines and a sentence for people`(rejection: Rejection, code: String, message: String) {
    #expect(rejection.code.rawValue == code)
    #expect(rejection.message(in: Self.event) == message)
  }
}
