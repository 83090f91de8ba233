import Pipeline
import Redis
import Synchronization
import Ticketing

/// Notes when reservations' outcomes become visible in Redis: workers publish the ids of what they have written there.
final class Visibility: Sendable {
  private let subscription: RedisSubscription
  private let seen = Mutex<[UInt128: Int64]>([:])

  private init(_ subscription: RedisSubscription) { self.subscription = subscription }

  /// Watches while `body` runs.
  static func watch<Result>(_ lab: Lab, _ body: (Visibility) async throws -> Result) async throws -> Result {
    let channels = (0..<lab.partitioning.count).map { "th:changes:\($0)" }
    let subscription = RedisSubscription.start(try RedisConfiguration(url: lab.redisURL), channels: channels)
    let visibility = Visibility(subscription)
    var events = subscription.events.makeAsyncIterator()
    while let event = await events.next(isolation: #isolation) {
      if case .subscribed = event { break }
    }
    let reading = Task { await visibility.read() }
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(visibility)) } catch { result = .failure(error) }
    await subscription.close()
    await reading.value
    return try result.get()
  }

  private func read() async {
    for await event in subscription.events {
      guard case .message(_, let payload) = event else { continue }
      let now = monotonicNanoseconds()
      seen.withLock { seen in
        for start in stride(from: 0, to: payload.count - 15, by: 16) {
          let id = payload[start..<(start + 16)].reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
          if seen[id] == nil { seen[id] = now }
        }
      }
    }
  }

  /// When the outcome was visible, by the monotonic clock; nil if it was not seen.
  func time(of reservation: ReservationID) -> Int64? { seen.withLock { $0[reservation.rawValue] } }
}
