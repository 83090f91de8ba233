import Testing
import Ticketing

/// The life of a hold. It lasts ten seconds and can be extended once.
struct HoldTests {
  private let end = opening.adding(seconds: 10)

  private func held() -> Sale {
    var sale = Sale(.onSale([.standing(5), .seated(["..."])]))
    sale.reserve(.best(section: 1, quantity: 3, adjacent: true))
    return sale
  }

  private func moment(before time: Timestamp) -> Timestamp { Timestamp(microseconds: time.microseconds - 1) }

  @Test func `an extension adds to the end of the hold, not to the time it is asked for`() {
    var sale = held()
    sale.now = moment(before: end)
    #expect(sale.perform(.extend(sale.last)) == .extended(expiresAt: end.adding(seconds: 10)))
    let reservation = sale.state.reservation(sale.last)
    #expect(reservation?.expiresAt == end.adding(seconds: 10))
    #expect(reservation?.extensionsUsed == 1)
    #expect(reservation?.version == 2)
    #expect(sale.state.nextExpiry == end.adding(seconds: 10))
  }

  @Test func `there are only so many extensions`() {
    var sale = held()
    sale.perform(.extend(sale.last))
    #expect(sale.perform(.extend(sale.last)) == .unchanged(.noExtensionLeft))
    #expect(sale.state.reservation(sale.last)?.expiresAt == end.adding(seconds: 10))
  }

  @Test func `a hold whose time is over cannot be extended, even if its expiry is yet to be decided`() {
    var sale = held()
    sale.now = end
    #expect(sale.perform(.extend(sale.last)) == .unchanged(.notHeld))
    #expect(sale.state.reservation(sale.last) != nil)
  }

  @Test func `released tickets are on sale at once`() {
    var sale = held()
    #expect(sale.perform(.release(sale.last)) == .released)
    #expect(sale.state.counts[1] == SectionCounts(capacity: 3, available: 3))
    #expect(sale.reserve(.seats([0, 1, 2]), by: 2) == .held(.seats([0, 1, 2]), expiresAt: end))
  }

  @Test func `what was released or expired is not held any more`() {
    var sale = held()
    sale.perform(.release(sale.last))
    #expect(sale.perform(.release(sale.last)) == .unchanged(.notHeld))
    #expect(sale.perform(.extend(sale.last)) == .unchanged(.notHeld))
    #expect(sale.perform(.expire(sale.last)) == .unchanged(.notHeld))
    #expect(sale.state.nextExpiry == nil)
  }

  @Test func `an expiry is due from the hold's last moment on`() {
    var sale = held()
    sale.now = moment(before: end)
    #expect(sale.perform(.expire(sale.last)) == .unchanged(.notDue))
    #expect(sale.state.dueExpiries(at: sale.now, upTo: 9).isEmpty)
    sale.now = end
    #expect(sale.state.dueExpiries(at: sale.now, upTo: 9) == [sale.last])
    #expect(sale.perform(.expire(sale.last)) == .expired)
    #expect(sale.state.dueExpiries(at: sale.now, upTo: 9).isEmpty)
    #expect(sale.state.counts[1].available == 3)
  }

  @Test func `a tardy customer may still release a hold whose time is over`() {
    var sale = held()
    sale.now = end
    #expect(sale.perform(.release(sale.last)) == .released)
  }

  @Test func `time does not run backwards`() {
    var sale = held()
    sale.now = end
    sale.perform(.release(ReservationID(1)))
    sale.now = opening
    #expect(sale.perform(.expire(sale.last)) == .expired)
    #expect(sale.state.lastDecidedAt == end)
  }

  @Test func `expiries come in order of time, then of age`() {
    var sale = Sale(.onSale([.standing(100)]))
    let ids = (0..<20).map { _ in
      sale.reserve(.best(section: 0, quantity: 1, adjacent: true))
      return sale.last
    }
    for id in ids where id.rawValue % 2 == 0 { sale.perform(.extend(id)) }
    let order = ids.filter { $0.rawValue % 2 == 1 } + ids.filter { $0.rawValue % 2 == 0 }
    #expect(sale.state.dueExpiries(at: end, upTo: 100) == Array(order.prefix(10)))
    #expect(sale.state.dueExpiries(at: end.adding(seconds: 10), upTo: 13) == Array(order.prefix(13)))
    #expect(sale.state.dueExpiries(at: end, upTo: 0).isEmpty)
    #expect(sale.state.nextExpiry == end)
  }
}
