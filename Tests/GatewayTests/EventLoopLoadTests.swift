import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

struct EventLoopLoadTests {
  private final class Clock {
    var now = NIODeadline.uptimeNanoseconds(0)
  }

  /// Which requests were too late, of turns whose requests come so many milliseconds after one another.
  private func late(_ turns: [[Int64]]) -> [[Bool]] {
    let (loop, clock) = (EmbeddedEventLoop(), Clock())
    let load = EventLoopLoad(loop) { clock.now }
    return turns.map { turn in
      defer { loop.run() }
      return turn.map { pause in
        clock.now = clock.now + .milliseconds(pause)
        return load.isTooLate()
      }
    }
  }

  private let long: [Int64] = [1, 12, 12, 12]
  private let short: [Int64] = [1, 8, 8]

  @Test func `a spike makes turns long for a moment, and nobody is too late`() {
    #expect(late([[1, 500, 400]]) == [[false, false, false]])
    #expect(late(Array(repeating: long, count: 10)).joined().allSatisfy { !$0 })
  }

  @Test func `where turns stay long, those are too late for whom a turn has already been too long`() {
    #expect(late(Array(repeating: long, count: 60)).suffix(10).allSatisfy { $0 == [false, false, true, true] })
  }

  @Test func `a short turn ends it`() {
    let turns = Array(repeating: long, count: 60) + [short] + Array(repeating: long, count: 10)
    #expect(late(turns).suffix(10).joined().allSatisfy { !$0 })
  }

  @Test func `with few requests in each turn it does not matter how many turns there are`() {
    #expect(late(Array(repeating: short, count: 1000)).joined().allSatisfy { !$0 })
  }
}
