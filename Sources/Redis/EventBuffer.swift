/// The events that the consumer has not taken yet: the newest `capacity` of them. Where older ones had to go, a `.missed` tells.
struct EventBuffer {
  let events: AsyncStream<RedisSubscriptionEvent>
  private let continuation: AsyncStream<RedisSubscriptionEvent>.Continuation
  private let capacity: Int
  /// How many events were appended after the last `.missed`. While they are fewer than `capacity`, none was dropped that is not
  /// older than that `.missed`, which therefore still waits to be taken.
  private var countSinceMissed: Int

  init(capacity: Int) {
    (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(capacity))
    self.capacity = capacity
    countSinceMissed = capacity
  }

  /// Appends an event; says whether anybody will ever take it.
  mutating func append(_ event: RedisSubscriptionEvent) -> Bool {
    let result = continuation.yield(event)
    countSinceMissed = min(countSinceMissed + 1, capacity)
    if case .dropped = result, countSinceMissed == capacity {
      continuation.yield(.missed)
      countSinceMissed = 0
    }
    if case .terminated = result { return false }
    return true
  }

  /// Lets the consumer's loop end after what is in the buffer.
  func finish() { continuation.finish() }
}
