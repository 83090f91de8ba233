import Testing

@testable import Ticketing

struct PiecewiseArrayTests {
  @Test func `what is appended stays where it is, over many pieces`() {
    var array = PiecewiseArray<Int>()
    for number in 0..<5000 { array.append(number) }
    for index in 0..<5000 where index % 3 == 0 { array[index] = -index }
    #expect(array.count == 5000)
    #expect((0..<5000).allSatisfy { array[$0] == ($0 % 3 == 0 ? -$0 : $0) })
  }

  @Test func `a copy does not change with the original`() {
    var array = PiecewiseArray<Int>()
    for number in 0..<1000 { array.append(number) }
    let copy = array
    array[999] = 0
    array.append(1000)
    #expect(copy.count == 1000)
    #expect(copy[999] == 999)
  }
}
