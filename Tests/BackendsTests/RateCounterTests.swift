import Backends
import BackendsTestSupport
import Pipeline
import Redis
import Testing
import Ticketing

struct RateCounterTests {
  @Test func `of additions that come at the same moment each gets the count of its own key`() async throws {
    try await withRedis { redis in
      let counter = RedisRateCounter(redis)
      let prefix = "\(random(CustomerID.self))"
      // More than one, which is what the reply to another command of the same round trip looks like.
      let additions = 2...200
      for round in 1...3 {
        var counts: [Int: Int] = [:]
        try await withThrowingTaskGroup(of: (addition: Int, count: Int).self) { group in
          for addition in additions {
            group.addTask {
              (addition: addition, count: try await counter.add(addition, to: "\(prefix) \(addition)", keptFor: 3600))
            }
          }
          for try await (addition, count) in group { counts[addition] = count }
        }
        #expect(counts == Dictionary(uniqueKeysWithValues: additions.map { ($0, $0 * round) }))
      }
    }
  }
}
