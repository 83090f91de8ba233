import Testing
import Ticketing

/// Who gets tickets, and who is told what. The seats themselves: BestAvailableTests.
struct ReserveTests {
  /// Section 0 is standing, 1 and 2 are seated; seats 0 to 5 are block A's, 6 to 8 block B's.
  static let sections: [Section] = [
    .standing(5), .seated(["...", "..."]), .seated(["..."], id: "block-b", name: "Block B"),
  ]

  @Test(
    arguments: [
      (Event.Status.cancelled, 0, Outcome.rejected(.eventCancelled)),
      (.cancelled, -1, .rejected(.eventCancelled)),
      (.paused, 0, .rejected(.salesPaused)),
      (.paused, -1, .rejected(.salesPaused)),
      (.draft, 0, .rejected(.notOnSale)),
      (.published, -1, .rejected(.notOnSale)),
      (.published, 0, .held(.places(section: 0, quantity: 1), expiresAt: opening.adding(seconds: 10))),
      (.published, 3599, .held(.places(section: 0, quantity: 1), expiresAt: opening.adding(seconds: 10))),
      (.published, 3600, .rejected(.notOnSale)),
    ])
  func `a sale is open from the minute it opens until it closes, by when the request was accepted`(
    status: Event.Status, acceptedAfter: Int, expected: Outcome
  ) {
    var sale = Sale(.onSale(Self.sections, status: status))
    let outcome = sale.reserve(
      .best(section: 0, quantity: 1, adjacent: true), acceptedAt: opening.adding(seconds: acceptedAfter))
    #expect(outcome == expected)
  }

  @Test func `a request accepted in time is decided even if the sale has closed meanwhile`() {
    var sale = Sale(.onSale(Self.sections))
    sale.now = opening.adding(seconds: 4000)
    let outcome = sale.reserve(.best(section: 0, quantity: 1, adjacent: true), acceptedAt: opening)
    #expect(outcome == .held(.places(section: 0, quantity: 1), expiresAt: opening.adding(seconds: 4010)))
  }

  /// Customer 1 has 2 of the 5 places and seats 0 and 4; the limit is 6.
  @Test(
    arguments: [
      (Selection.best(section: 3, quantity: 1, adjacent: true), Rejection.unknownSection),
      (.best(section: -1, quantity: 0, adjacent: true), .unknownSection),
      (.seats([9]), .unknownSeat),
      (.seats([-1]), .unknownSeat),
      (.seats([1, 2, 1]), .unknownSeat),
      (.seats([]), .limitExceeded(limit: 6, alreadyHas: 0, requested: 0)),
      (.best(section: 0, quantity: 0, adjacent: true), .limitExceeded(limit: 6, alreadyHas: 0, requested: 0)),
      (.best(section: 0, quantity: .min, adjacent: true), .limitExceeded(limit: 6, alreadyHas: 0, requested: .min)),
      (.best(section: 1, quantity: .max, adjacent: false), .limitExceeded(limit: 6, alreadyHas: 0, requested: .max)),
      (.best(section: 1, quantity: 7, adjacent: false), .limitExceeded(limit: 6, alreadyHas: 0, requested: 7)),
      (.seats([0, 1, 2, 3, 4, 5, 6]), .limitExceeded(limit: 6, alreadyHas: 0, requested: 7)),
      (.best(section: 0, quantity: 4, adjacent: true), .soldOut(section: 0, requested: 4, available: 3)),
      (.best(section: 1, quantity: 5, adjacent: true), .soldOut(section: 1, requested: 5, available: 4)),
      (.best(section: 1, quantity: 5, adjacent: false), .soldOut(section: 1, requested: 5, available: 4)),
      (.best(section: 1, quantity: 3, adjacent: true), .noAdjacentSeats(section: 1, requested: 3)),
      (.seats([8, 4, 3, 0]), .seatsTaken([0, 4])),
    ])
  func `what cannot be had is refused with the reason`(selection: Selection, expected: Rejection) {
    var sale = partlySold()
    let before = sale.state.counts
    #expect(sale.reserve(selection, by: 2) == .rejected(expected))
    #expect(sale.state.counts == before)
    #expect(sale.state.reservation(sale.last) == nil)
  }

  @Test func `named seats of several sections are held together`() {
    var sale = partlySold()
    sale.reserve(.seats([8, 3, 6]), by: 2)
    #expect(sale.lastSeats == ["block-a-B-1", "block-b-A-1", "block-b-A-3"])
    #expect(sale.state.counts.map(\.available) == [3, 3, 1])
    #expect(sale.state.seatMap(of: 1).elementsEqual("haahha".utf8))
    #expect(sale.state.seatMap(of: 2).elementsEqual("hah".utf8))
  }

  @Test func `the limit counts every live reservation of the customer`() {
    var sale = partlySold()
    #expect(sale.state.tickets(of: CustomerID(1)) == 4)
    let three = Selection.best(section: 2, quantity: 3, adjacent: true)
    #expect(sale.reserve(three, by: 1) == .rejected(.limitExceeded(limit: 6, alreadyHas: 4, requested: 3)))
    sale.reserve(.best(section: 2, quantity: 2, adjacent: true), by: 1)
    #expect(sale.state.tickets(of: CustomerID(1)) == 6)
    sale.perform(.release(sale.last))
    #expect(sale.state.tickets(of: CustomerID(1)) == 4)
  }

  @Test func `the first fallback that can be met is held`() {
    var sale = partlySold()
    let outcome = sale.reserve(
      .best(section: 0, quantity: 4, adjacent: true), or: .seats([0]), .best(section: 2, quantity: 3, adjacent: true),
      .best(section: 0, quantity: 1, adjacent: true), by: 2)
    #expect(outcome == .held(.seats([6, 7, 8]), expiresAt: opening.adding(seconds: 10)))
  }

  @Test func `where no fallback can be met, the answer is about the first selection`() {
    var sale = partlySold()
    let outcome = sale.reserve(
      .best(section: 1, quantity: 3, adjacent: true), or: .seats([99]), .best(section: 0, quantity: 6, adjacent: true), by: 2)
    #expect(outcome == .rejected(.noAdjacentSeats(section: 1, requested: 3)))
  }

  @Test func `a smaller fallback can keep within the limit`() {
    var sale = partlySold()
    let outcome = sale.reserve(
      .best(section: 2, quantity: 3, adjacent: true), or: .best(section: 2, quantity: 1, adjacent: true), by: 1)
    #expect(outcome == .held(.seats([6]), expiresAt: opening.adding(seconds: 10)))
  }

  @Test func `a reservation that is live is not made again`() {
    var sale = Sale(.onSale(Self.sections))
    let selection = Selection.best(section: 0, quantity: 1, adjacent: true)
    sale.reserve(selection)
    let again = sale.perform(.reserve(Command.Request(customer: CustomerID(1), selection: selection)))
    #expect(again == .unchanged(.alreadyHeld))
    #expect(sale.state.counts[0].held == 1)
  }

  private func partlySold() -> Sale {
    var sale = Sale(.onSale(Self.sections, limit: 6))
    sale.reserve(.best(section: 0, quantity: 2, adjacent: true), by: 1)
    sale.reserve(.seats([0, 4]), by: 1)
    return sale
  }
}
