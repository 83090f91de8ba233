import Pipeline
import Synchronization

/// A broker that takes what it is told to take.
final class FakeMessagePublisher: MessagePublisher {
  private struct State {
    var outcome = PublishOutcome.queued
    var messages: [(body: [UInt8], partition: Int)] = []
    var meanwhile: (@Sendable () async -> Void)?
  }

  private let state = Mutex(State())

  var outcome: PublishOutcome {
    get { state.withLock { $0.outcome } }
    set { state.withLock { $0.outcome = newValue } }
  }

  /// What was taken.
  var messages: [(body: [UInt8], partition: Int)] { state.withLock { $0.messages } }

  /// What happens between its taking a message and its saying so.
  func setMeanwhile(_ meanwhile: @escaping @Sendable () async -> Void) { state.withLock { $0.meanwhile = meanwhile } }

  func publish(message: [UInt8], to partition: Int) async -> PublishOutcome {
    let (outcome, meanwhile) = state.withLock { state in
      if state.outcome == .queued { state.messages.append((message, partition)) }
      return (state.outcome, state.meanwhile)
    }
    await meanwhile?()
    return outcome
  }
}
