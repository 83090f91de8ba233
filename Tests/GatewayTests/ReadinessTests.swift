import HTTPTypes
import Pipeline
import Synchronization
import Testing

@testable import Gateway

/// Probes while a dependency hangs. One that is never answered fails its test by the time limit.
@Suite(.timeLimit(.minutes(2)))
struct ReadinessTests {
  private let time = HeldTime()
  private let gateway: TestGateway

  init() { gateway = TestGateway(time: time.keeper) }

  @Test func `a database that hangs is shown in time, is asked once for all probes, and is ready later`() async throws {
    let gateway = gateway
    gateway.reservations.set { $0.hangs = true }
    let probes = (0..<10).map { _ in Task { try await gateway.send(.get, "/readyz", isSigned: false) } }
    // All that answers has answered each of them.
    await time.cancelled(20)
    time.pass()
    for probe in probes {
      let answer = try await probe.value
      #expect(answer.status == 200)
      #expect(answer["status"] == .string("degraded"))
      #expect(answer["checks", "rabbitmq"] == .string("ok"))
      #expect(answer["checks", "redis"] == .string("ok"))
      #expect(answer["checks", "postgresql"] == .string("does not answer in time"))
    }
    #expect(gateway.reservations.looks == 1)

    time.hold()
    gateway.reservations.letGo()
    let answer = try await gateway.send(.get, "/readyz", isSigned: false)
    #expect(answer["status"] == .string("ok"))
    #expect(answer["checks", "postgresql"] == .string("ok"))
  }
}

/// Time that stands still until the test lets it pass.
private final class HeldTime: Sendable {
  private let state = Mutex((passes: false, sleepers: [AsyncStream<Void>.Continuation]()))
  private let (cancellations, cancelling) = AsyncStream.makeStream(of: Void.self)

  var keeper: Timekeeper { Timekeeper(now: { .now }, sleep: { _ in await self.sleep() }) }

  private func sleep() async {
    // A stream for each: a task that is cancelled ends the stream it reads.
    let (end, ending) = AsyncStream.makeStream(of: Void.self)
    let passes = state.withLock { state in
      state.sleepers.append(ending)
      return state.passes
    }
    if passes { ending.finish() }
    for await _ in end {}
    if Task.isCancelled { cancelling.yield() }
  }

  /// Ends all sleeps that there are, and those that come.
  func pass() {
    let sleepers = state.withLock { state in
      state.passes = true
      return state.sleepers
    }
    for sleeper in sleepers { sleeper.finish() }
  }

  /// Lets new sleeps last again.
  func hold() { state.withLock { $0.passes = false } }

  /// Returns when so many sleeps were cancelled.
  func cancelled(_ count: Int) async {
    var left = count
    for await _ in cancellations {
      left -= 1
      if left == 0 { return }
    }
  }
}
