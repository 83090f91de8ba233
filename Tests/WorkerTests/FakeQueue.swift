import Pipeline
import Synchronization

/// One partition's queue in memory: what is not acknowledged is delivered again to the next subscriber, in its order.
final class FakeQueue: CommandQueue {
  private struct State {
    var bodies: [[UInt8]] = []
    /// By their places among the bodies.
    var marks: [Int: String] = [:]
    var acknowledged = 0
    var acknowledgements = 0
    var taken = 0
    /// How many were taken by anybody so far: those are redelivered.
    var everTaken = 0
    var subscriptions = 0
  }

  private let state = Mutex(State())

  func publish(bytes body: [UInt8]) { state.withLock { $0.bodies.append(body) } }
  func publish(_ commands: [QueuedCommand]) { publish(bytes: CommandMessage.encode(commands)) }
  var acknowledged: Int { state.withLock { $0.acknowledged } }
  /// How often something was acknowledged.
  var acknowledgements: Int { state.withLock { $0.acknowledgements } }
  var isEmpty: Bool { state.withLock { $0.acknowledged == $0.bodies.count } }
  /// Ends the subscription, as a broken connection does.
  func breakConnection() { state.withLock { $0.subscriptions += 1 } }

  var isReachable: Bool { get async { true } }

  func subscribe(to partition: Int) async throws(QueueUnavailable) -> any CommandSubscription {
    state.withLock { state in
      state.subscriptions += 1
      state.taken = state.acknowledged
      return Subscription(number: state.subscriptions, queue: self)
    }
  }

  func mark(_ partition: Int, as name: String) async throws(QueueUnavailable) {
    state.withLock { state in
      state.marks[state.bodies.count] = name
      state.bodies.append(CommandMessage.encode([]))
    }
  }

  private struct Subscription: CommandSubscription {
    let number: Int
    let queue: FakeQueue

    func take(_ limit: Int, waitingAtMost time: Duration) async throws(QueueUnavailable) -> [Delivery] {
      let deadline = ContinuousClock.now + time
      while true {
        let deliveries = try deliver(limit)
        if !deliveries.isEmpty || deadline <= .now || Task.isCancelled { return deliveries }
        try? await Task.sleep(for: .milliseconds(2))
      }
    }

    private func deliver(_ limit: Int) throws(QueueUnavailable) -> [Delivery] {
      try queue.state.withLock { state throws(QueueUnavailable) in
        guard state.subscriptions == number else { throw QueueUnavailable("the subscription has ended") }
        let first = state.taken
        state.taken = min(state.bodies.count, first + limit)
        defer { state.everTaken = max(state.everTaken, state.taken) }
        return (first..<state.taken).map {
          Delivery(tag: UInt64($0 + 1), redelivered: $0 < state.everTaken, body: state.bodies[$0], mark: state.marks[$0])
        }
      }
    }

    func acknowledge(through tag: UInt64) async throws(QueueUnavailable) {
      try queue.state.withLock { state throws(QueueUnavailable) in
        guard state.subscriptions == number else { throw QueueUnavailable("the subscription has ended") }
        state.acknowledgements += 1
        state.acknowledged = max(state.acknowledged, Int(tag))
      }
    }

    func close() async {}
  }
}
