import Testing
import Ticketing

/// Rows are drawn front row first: `.` a free seat, `x` one that somebody has, `|` an aisle. In the expected picture, `O` are the
/// seats that the house chose.
struct BestAvailableTests {
  struct Scenario: CustomTestStringConvertible {
    var testDescription: String
    var quantity: Int
    var before: [String]
    var after: [String]

    init(_ description: String, _ quantity: Int, _ before: [String], _ after: [String]) {
      testDescription = description
      self.quantity = quantity
      self.before = before
      self.after = after
    }
  }

  @Test(
    arguments: [
      Scenario("the middle of an empty front row", 2, ["......", "......"], ["..OO..", "......"]),
      Scenario("the middle for an odd party in an odd row", 3, ["......."], ["..OOO.."]),
      Scenario("the lower of two equal places", 3, ["......"], ["OOO..."]),
      Scenario("in a row that is long enough", 4, ["...", "...."], ["...", "OOOO"]),
      Scenario("in the front-most such row, however full", 2, ["xx.x..", "......"], ["xx.xOO", "......"]),
      Scenario("never across an aisle", 3, ["..|..", "..."], ["..|..", "OOO"]),
      Scenario("beside the aisle that runs through the middle", 2, ["....|...."], ["..OO|...."]),
      Scenario("by the middle of the row, not of the block", 1, ["..|........."], ["..|...O....."]),
      Scenario("the most central where each leaves a seat alone", 2, ["...x"], [".OOx"]),
      Scenario("a perfect fit before a central one that leaves a seat alone", 2, ["..x..."], ["OOx..."]),
      Scenario("the edge before a middle that leaves a seat alone", 2, ["....."], ["OO..."]),
      Scenario("no seat alone beside an aisle either", 2, ["...|...."], ["...|OO.."]),
      Scenario("the only run, even if it leaves a seat alone", 3, ["xx....xx"], ["xxOOO.xx"]),
      Scenario("whatever was alone before", 2, [".x.......x."], [".x..OO...x."]),
      Scenario("the edge of a row of three for one", 1, ["..."], ["O.."]),
      Scenario("the seat beside a taken one for one", 1, [".x....."], [".xO...."]),
    ])
  func `the best seats are`(_ scenario: Scenario) {
    #expect(pictured(scenario, adjacent: true) == scenario.after)
    #expect(pictured(scenario, adjacent: false) == scenario.after)
  }

  @Test(
    arguments: [
      Scenario("two runs rather than three", 4, [".x.x..", "..x..."], [".x.xOO", "OOx..."]),
      Scenario("the front-most of all pairs", 4, ["..", "...", ".."], ["OO", "OO.", ".."]),
      Scenario("both runs of the front row", 5, ["..|...", "x...x"], ["OO|OOO", "x...x"]),
      Scenario("the longer run in front", 6, ["..x...x", "....x.."], ["..xOOOx", ".OOOx.."]),
      Scenario("single seats where there are no others", 3, [".x.x.", ".x.x."], ["OxOxO", ".x.x."]),
      Scenario("nothing in a row whose runs are too short", 6, [".x.x.", "...", "..."], [".x.x.", "OOO", "OOO"]),
      Scenario("all that is left", 5, [".x.x", "..x."], ["OxOx", "OOxO"]),
      Scenario("a rest that leaves no seat alone", 6, ["....", "....x"], ["OOOO", "..OOx"]),
    ])
  func `a party that may be split gets`(_ scenario: Scenario) {
    #expect(pictured(scenario, adjacent: true) == scenario.before, "it was not asked to be split")
    #expect(pictured(scenario, adjacent: false) == scenario.after)
  }

  private func pictured(_ scenario: Scenario, adjacent: Bool) -> [String] {
    var sale = drawn(scenario.before)
    sale.reserve(.best(section: 0, quantity: scenario.quantity, adjacent: adjacent))
    guard case .seats(let chosen) = sale.state.reservation(sale.last)?.allocation else { return scenario.before }
    var seat: SeatIndex = -1
    return scenario.before.map { row in
      String(
        row.map { character in
          if character == "|" { return character }
          seat += 1
          return chosen.contains(seat) ? "O" : character
        })
    }
  }

  private func drawn(_ rows: [String]) -> Sale {
    var sale = Sale(Event.onSale([.seated(rows)]))
    let seats = rows.joined().filter { $0 != "|" }
    let taken = seats.enumerated().filter { $1 == "x" }.map { SeatIndex($0.offset) }
    if !taken.isEmpty { sale.reserve(.seats(taken), by: 99) }
    return sale
  }
}
