import TestSupport
import Testing
import Ticketing

struct SeatPlanTests {
  @Test(arguments: 0..<20)
  func `a seat's name, place and number lead to one another`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let ids = ["a", "a-1", "a-1-1", "1", "block-b", "b", "x-y-z"].shuffled(using: &random)
    let sections = ids.map { id in
      if random.oneIn(4) { return Section.standing(3, id: id) }
      let count = Int.random(in: 1...8, using: &random)
      let names = ["A", "AA", "1", "11", "2", "a", "Z9", "10"].shuffled(using: &random).prefix(count)
      let rows = names.map { Row(name: $0, seats: Int.random(in: 1...12, using: &random)) }
      return Section(id: id, name: id, kind: .seated(rows: rows), price: Money(amount: 1, currency: "EUR"))
    }
    let plan = SeatPlan(sections)
    var seat: SeatIndex = 0
    for (section, content) in sections.enumerated() {
      #expect(plan.section(withID: content.id) == section)
      #expect(plan.seats(of: section).lowerBound == seat)
      for (row, content) in rows(of: content).enumerated() {
        #expect(plan.row(named: content.name, in: section) == row)
        #expect(plan.seats(ofRow: row, in: section) == seat..<seat + SeatIndex(content.seats))
        for number in 1...content.seats {
          let position = SeatPlan.Position(section: section, row: row, number: number)
          let name = "\(sections[section].id)-\(content.name)-\(number)"
          try #require(plan.position(of: seat) == position, "seed \(seed)")
          try #require(plan.seat(at: position) == seat, "seed \(seed)")
          try #require(plan.name(of: seat) == name, "seed \(seed)")
          try #require(plan.seat(named: name) == seat, "seed \(seed)")
          seat += 1
        }
      }
      #expect(plan.capacity(of: section) == content.capacity)
    }
    #expect(plan.seatCount == Int(seat))
  }

  @Test(
    arguments: [
      "", "-", "--", "block-a", "block-a-A", "block-a-A-", "block-a--1", "-A-1", "block-a-A-0", "block-a-A-4", "block-a-A-01",
      "block-a-A-+1", "block-a-A--1", "block-a-A-1 ", "block-a-a-1", "block-a-C-1", "block-b-A-1", "floor-A-1", "Block-a-A-1",
      "block-a-A-99999999999999999999", "block-a-A-١",
    ])
  func `what is not exactly a seat's name is none`(name: String) {
    #expect(SeatPlan([.seated(["...", "..."]), .standing(3)]).seat(named: name) == nil)
  }

  @Test func `what is outside the event has no place`() {
    let plan = SeatPlan([.standing(3), .seated([".."])])
    #expect(plan.position(of: -1) == nil)
    #expect(plan.position(of: 2) == nil)
    for (section, row, number) in [(-1, 0, 1), (0, 0, 1), (2, 0, 1), (1, -1, 1), (1, 1, 1), (1, 0, 0), (1, 0, 3)] {
      #expect(plan.seat(at: SeatPlan.Position(section: section, row: row, number: number)) == nil)
    }
    #expect(plan.section(withID: "nowhere") == nil)
  }

  @Test func `a row without seats and an aisle outside its row are harmless`() {
    let rows = [
      Row(name: "A", seats: 0), Row(name: "B", seats: 3, aislesAfter: [-1, 0, 3, 9, 1, 1]), Row(name: "C", seats: 0),
    ]
    let section = Section(id: "a", name: "A", kind: .seated(rows: rows), price: Money(amount: 1, currency: "EUR"))
    var sale = Sale(.onSale([section]))
    sale.reserve(.best(section: 0, quantity: 3, adjacent: true))
    #expect(sale.lastSeats.isEmpty)
    sale.reserve(.best(section: 0, quantity: 2, adjacent: true))
    #expect(sale.lastSeats == ["a-B-2", "a-B-3"])
  }

  @Test func `an event without seats is harmless`() {
    let plan = SeatPlan([])
    #expect(plan.seatCount == 0)
    #expect(plan.position(of: 0) == nil)
    var sale = Sale(.onSale([]))
    #expect(sale.reserve(.seats([0])) == .rejected(.unknownSeat))
  }
}
