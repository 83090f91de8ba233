public import Pipeline
public import Redis

/// Shared counts in Redis. Additions that come at the same moment share a round trip.
public struct RedisRateCounter: RateCounter {
  /// How many additions may wait; more than that, and Redis is as good as away.
  private static let maximumWaiting = 10_000

  private struct Addition: Sendable {
    var count: Int
    var key: String
    var seconds: Int
  }

  private let additions: Coalescer<Addition, Result<Int, ViewUnavailable>>

  public init(_ redis: RedisClient) {
    additions = Coalescer(maximumBatch: 256, maximumWaiting: Self.maximumWaiting) { additions in
      var pipeline = RedisPipeline()
      for addition in additions {
        let key = RedisArgument.string(RedisKeys.rate(addition.key))
        pipeline.append("INCRBY", key, .integer(Int64(addition.count)))
        pipeline.append("EXPIRE", key, .integer(Int64(addition.seconds)), "NX")
      }
      do throws(ViewUnavailable) {
        let replies = try await redis.ask(pipeline)
        return try additions.indices.map { (index) throws(ViewUnavailable) in
          .success(Int(try replies[index * 2].expectInteger()))
        }
      } catch {
        return additions.map { _ in .failure(error) }
      }
    }
  }

  public func add(_ count: Int, to key: String, keptFor seconds: Int) async throws(ViewUnavailable) -> Int {
    guard let result = await additions.submit(Addition(count: count, key: key, seconds: seconds)) else {
      throw ViewUnavailable("too many additions wait for Redis")
    }
    return try result.get()
  }
}
