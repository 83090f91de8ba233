import TestSupport
import Testing

@testable import Ticketing

struct LongestRunsTests {
  @Test(arguments: [0, 1, 2, 3, 7, 8, 9, 100])
  func `the first row with a run is the one that looking at each finds`(count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    var runs = LongestRuns(count: count)
    var naive = [Int](repeating: 0, count: count)
    for step in 0..<300 {
      if count > 0 {
        let row = Int.random(in: 0..<count, using: &random)
        naive[row] = Int.random(in: 0...5, using: &random)
        runs[row] = naive[row]
      }
      let start = Int.random(in: 0...count, using: &random)
      let end = Int.random(in: start...count, using: &random)
      for length in 1...6 {
        let expected = (start..<end).first { naive[$0] >= length }
        try #require(runs.firstRow(of: start..<end, withRunOf: length) == expected, "step \(step), \(start)..<\(end), \(length)")
      }
    }
  }
}
