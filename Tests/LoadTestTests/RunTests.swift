import Foundation
import LoadTest
import Synchronization
import Testing

let credentials = LoadCredentials(organiserToken: "organiser") { "customer-\($0)" }

func plan(_ url: String, requests: Int = 120) -> LoadPlan {
  var plan = LoadPlan(target: url, event: .existing(id: "e1"), requests: requests)
  (plan.connections, plan.followers) = (8, 8)
  plan.outcomeTimeout = .seconds(10)
  return plan
}

@Suite(.serialized) struct RunTests {
  @Test func `an honest sale passes and adds up`() async throws {
    let report = try await withFake { _, url in try await runLoad(plan(url, requests: 400), credentials: credentials) { _ in } }
    #expect(report.findings == [])
    #expect(report.passed)
    #expect(report.requests.accepted == 400)
    #expect(report.outcomes.held + report.outcomes.rejected == 400)
    #expect(report.outcomes.held > 0)
    #expect(report.outcomes.rejected > 0)
    #expect(report.sections.map(\.held).reduce(0, +) == report.outcomes.ticketsHeld)
    #expect(report.sections.map(\.ofThisRun) == report.sections.map(\.held))
    #expect(report.rates.decidedByServerPerSecond ?? 0 > 0)
  }

  @Test func `a created event is sold the same way`() async throws {
    let report = try await withFake { _, url in
      var plan = plan(url)
      plan.event = .create(body: Array("{}".utf8))
      return try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(report.passed)
    #expect(report.plan.event == "e1")
  }

  @Test func `the same seed asks for the same tickets, another seed for others`() async throws {
    func bodies(seed: UInt64) async throws -> [LoadReport.Section] {
      try await withFake { _, url in
        var plan = plan(url, requests: 40)
        (plan.seed, plan.connections) = (seed, 1)
        return try await runLoad(plan, credentials: credentials) { _ in }.sections
      }
    }
    let first = try await bodies(seed: 1)
    let again = try await bodies(seed: 1)
    let other = try await bodies(seed: 2)
    #expect(first == again)
    #expect(first != other)
  }

  @Test func `percentiles are those of a known delay`() async throws {
    var slow = Behaviour()
    (slow.acceptDelay, slow.decisionDelay) = (40, 100)
    let report = try await withFake(slow) { _, url in
      try await runLoad(plan(url, requests: 40), credentials: credentials) { _ in }
    }
    #expect(report.passed)
    #expect(report.accept.count == 40)
    // A timer never fires early, and is late only by what the machine is busy with.
    #expect(report.accept.p50 >= 40 && report.accept.p50 < 400)
    #expect(report.outcome.p50 >= 100 && report.outcome.p50 < 1000)
    #expect(report.accept.p50 <= report.accept.p90 && report.accept.p99 <= report.accept.max)
  }

  @Test func `an open loop keeps its schedule while the server stalls, and counts the wait`() async throws {
    var stalling = Behaviour()
    stalling.stallsFor = 600
    let report = try await withFake(stalling) { _, url in
      var plan = plan(url, requests: 100)
      plan.shape = .open(ratePerSecond: 200)
      // Fewer than fall due during the stall, so most have to wait for a connection.
      plan.connections = 10
      return try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(report.passed)
    // Due at 0, 5, … 495 ms, all answered at 600 ms at the earliest: latencies from 600 down to 105 ms.
    // A generator that counts from the sending would report next to nothing for the 90 that waited.
    #expect(report.accept.p50 >= 340, "half of the requests waited longer than 350 ms")
    #expect(report.accept.max >= 600)
    #expect(report.accept.count == 100)
  }

  @Test func `an open loop sends at its rate`() async throws {
    let posts = try await withFake { fake, url in
      var plan = plan(url, requests: 100)
      (plan.shape, plan.connections) = (.open(ratePerSecond: 200), 20)
      _ = try await runLoad(plan, credentials: credentials) { _ in }
      return fake.state.withLock { $0.posts }
    }
    #expect(posts.count == 100)
    let took = (posts.last ?? 0) - (posts.first ?? 0)
    #expect(took > 0.45 && took < 5)
  }

  @Test func `polling at Retry-After sees every outcome too`() async throws {
    var slow = Behaviour()
    (slow.decisionDelay, slow.honoursWait) = (100, false)
    for following in [LoadPlan.Following.poll, .wait(seconds: 5)] {
      let report = try await withFake(slow) { _, url in
        var plan = plan(url)
        plan.following = following
        return try await runLoad(plan, credentials: credentials) { _ in }
      }
      #expect(report.passed)
      #expect(report.outcomes.undecided == 0)
    }
  }

  @Test func `several requests of one customer respect the limit`() async throws {
    let report = try await withFake { _, url in
      var plan = plan(url, requests: 90)
      plan.requestsPerCustomer = 9
      return try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(report.passed)
    #expect(report.plan.customers == 10)
    #expect(report.rejections.contains { $0.code == "limit_exceeded" })
  }

  @Test func `an event that was sold from before is compared by its differences`() async throws {
    var touched = Behaviour()
    touched.takenBefore = 30
    let report = try await withFake(touched) { _, url in try await runLoad(plan(url), credentials: credentials) { _ in } }
    #expect(report.findings == [])
    #expect(report.sections.first.map { $0.held - $0.ofThisRun } == 30)
  }

  @Test func `holds that expire during the run are accounted for`() async throws {
    var short = Behaviour()
    short.holdSeconds = 1
    let report = try await withFake(short) { _, url in
      var plan = plan(url, requests: 300)
      // Longer than a hold: seats come back and are given again.
      plan.shape = .open(ratePerSecond: 150)
      return try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(report.findings == [])
    #expect(report.outcomes.expiredSince > 0)
  }

  @Test func `a sale in the future is waited for`() async throws {
    var later = Behaviour()
    later.opensIn = 0.7
    let countdown = Mutex<[Double]>([])
    let (opened, first) = try await withFake(later) { fake, url in
      _ = try await runLoad(plan(url, requests: 10), credentials: credentials) { progress in
        if case .waitingForSale(let seconds) = progress.phase { countdown.withLock { $0.append(seconds) } }
      }
      return (fake.opensAt, fake.state.withLock { $0.posts.first })
    }
    // The fake says when it opens in milliseconds.
    #expect(try #require(first) >= opened - 0.001)
    #expect(countdown.withLock { $0.count } >= 2)
  }

  @Test func `progress counts up to the end`() async throws {
    let seen = Mutex<[LoadProgress]>([])
    _ = try await withFake { _, url in
      var plan = plan(url, requests: 200)
      plan.shape = .open(ratePerSecond: 200)
      return try await runLoad(plan, credentials: credentials) { update in seen.withLock { $0.append(update) } }
    }
    let updates = seen.withLock { $0 }
    #expect(updates.first?.phase == .preparing)
    #expect(updates.last?.phase == .auditing)
    #expect(updates.count { $0.phase == .selling } >= 3)
    #expect(updates.map(\.decided).max() == 200)
    #expect(updates.allSatisfy { !$0.line().contains("\n") && $0.line().count < 120 })
  }
}
