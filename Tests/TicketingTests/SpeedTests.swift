import TestSupport
import Testing
import Ticketing

/// Prints what a decision costs through to sold out. The bound is one that a debug build on a busy machine keeps, and that
/// anything quadratic would not. For figures: `swift test -c release -Xswiftc -enable-testing --filter SpeedTests`.
@Suite(.serialized) struct SpeedTests {
  struct Venue: CustomTestStringConvertible {
    var testDescription: String
    var sections: [Section]
    var adjacent = true
  }

  #if DEBUG
    static let scale = 10
  #else
    static let scale = 1
  #endif

  static let hall = [block("a", rows: 1000 / scale)]
  static let arena = (0..<100).map { block("b\($0)", rows: 10 / scale) }
  static let venues = [
    Venue(testDescription: "one block", sections: hall),
    Venue(testDescription: "one block, split", sections: hall, adjacent: false),
    Venue(testDescription: "a hundred blocks", sections: arena),
    Venue(testDescription: "a hundred blocks, split", sections: arena, adjacent: false),
    Venue(testDescription: "standing", sections: [.standing(1_000_000 / scale)]),
  ]

  @Test(arguments: venues)
  func `a decision takes microseconds, through to sold out`(_ venue: Venue) throws {
    var random = SeededGenerator(seed: 1)
    var sale = Sale(Event.onSale(venue.sections, limit: 8))
    var selling = Array(venue.sections.indices)
    var customer: UInt128 = 0
    let capacity = sale.state.counts.map(\.capacity).reduce(0, +)
    var decisions = 0
    var held = 0
    let clock = ContinuousClock()
    let toSoldOut = clock.measure {
      while let section = selling.randomElement(using: &random) {
        customer += 1
        let quantity = Int.random(in: 1...6, using: &random)
        let outcome = sale.reserve(.best(section: section, quantity: quantity, adjacent: venue.adjacent), by: customer)
        decisions += 1
        if case .held(let allocation, _) = outcome { held += allocation.quantity }
        if case .rejected = outcome, quantity == 1 { selling.removeAll { $0 == section } }
      }
    }
    #expect(held == capacity)
    report(venue, "to sold out", toSoldOut, decisions)

    let live = sale.state.reservations
    var restored: EventState?
    let loading = try clock.measure {
      restored = try EventState(
        event: sale.state.event, version: sale.state.version, lastDecidedAt: sale.state.lastDecidedAt, live: live)
    }
    #expect(restored == sale.state)
    print("\(venue.testDescription): \(live.count) reservations loaded in \(loading)")

    // A sold-out event goes on: people give back and others ask, one for one.
    let ids = live.map(\.id).shuffled(using: &random).prefix(5000)
    let churn = clock.measure {
      for id in ids {
        sale.perform(.release(id))
        sale.perform(.extend(id))
        customer += 1
        let section = Int.random(in: 0..<venue.sections.count, using: &random)
        sale.reserve(.best(section: section, quantity: 4, adjacent: venue.adjacent), by: customer)
      }
    }
    report(venue, "sold out, with returns", churn, 3 * ids.count)

    sale.now = sale.now.adding(seconds: 30)
    var expired = 0
    let expiring = clock.measure {
      while true {
        let due = sale.state.dueExpiries(at: sale.now, upTo: 500)
        if due.isEmpty { break }
        for id in due { sale.perform(.expire(id)) }
        expired += due.count
      }
    }
    #expect(sale.state.counts.map(\.held).reduce(0, +) == 0)
    report(venue, "expiries", expiring, expired)
  }

  @Test func `a decision takes microseconds where every other seat is taken and parties have to be split`() {
    let venue = Venue(testDescription: "every other seat", sections: Self.hall, adjacent: false)
    var sale = Sale(Event.onSale(venue.sections))
    let capacity = sale.state.counts[0].capacity
    for first in stride(from: 0, to: capacity, by: 200) {
      let seats = stride(from: first, to: first + 200, by: 2).map { SeatIndex($0) }
      sale.reserve(.seats(seats), by: UInt128(capacity + first))
    }
    let parties = capacity / 2 / 5
    let splitting = ContinuousClock().measure {
      for customer in 1...parties {
        sale.reserve(.best(section: 0, quantity: 5, adjacent: false), by: UInt128(customer))
      }
    }
    #expect(sale.state.counts[0].available == 0)
    report(venue, "split", splitting, parties)
  }

  private func report(_ venue: Venue, _ what: String, _ duration: Duration, _ decisions: Int) {
    let microseconds = duration / .microseconds(1) / Double(max(1, decisions))
    print("\(venue.testDescription): \(what), \(decisions) decisions, \((microseconds * 100).rounded() / 100) µs each")
    #expect(microseconds < 2000)
  }

  static func block(_ id: String, rows: Int) -> Section {
    let rows = (1...rows).map { Row(name: "\($0)", seats: 100, aislesAfter: [25, 75]) }
    return Section(id: id, name: id, kind: .seated(rows: rows), price: Money(amount: 1, currency: "EUR"))
  }
}
