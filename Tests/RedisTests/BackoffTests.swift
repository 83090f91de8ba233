import Testing

@testable import Redis

@Suite struct BackoffTests {
  @Test func `pauses double up to the longest, and begin again after a success`() {
    var backoff = Backoff(first: .milliseconds(50), longest: .seconds(1))
    let longest = (0..<7).map { _ in backoff.pause(random: 1) }
    #expect(longest == [50, 100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
    for _ in 0..<1000 { #expect(backoff.pause(random: 0) == .milliseconds(500)) }
    backoff.reset()
    #expect(backoff.pause(random: 0) == .milliseconds(25))
  }
}

@Suite struct LivenessTests {
  private let start = ContinuousClock.now

  @Test func `a silent peer is asked once and given up when it does not answer`() {
    var liveness = Liveness(interval: .seconds(2), patience: .seconds(1), at: start)
    #expect(liveness.next(at: start) == .wait(.seconds(2)))
    #expect(liveness.next(at: start + .seconds(1.5)) == .wait(.seconds(0.5)))
    #expect(liveness.next(at: start + .seconds(2)) == .ask)
    #expect(liveness.next(at: start + .seconds(2.25)) == .wait(.seconds(0.75)))
    #expect(liveness.next(at: start + .seconds(3)) == .giveUp)
  }

  @Test func `whatever it says is an answer`() {
    var liveness = Liveness(interval: .seconds(2), patience: .seconds(1), at: start)
    #expect(liveness.next(at: start + .seconds(2)) == .ask)
    liveness.heard(at: start + .seconds(2.5))
    #expect(liveness.next(at: start + .seconds(3)) == .wait(.seconds(1.5)))
    #expect(liveness.next(at: start + .seconds(4.5)) == .ask)
  }

  @Test func `a peer is not given up without having been asked, however late one looks`() {
    var liveness = Liveness(interval: .seconds(2), patience: .seconds(1), at: start)
    #expect(liveness.next(at: start + .seconds(3600)) == .ask)
  }
}
