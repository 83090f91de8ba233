import Foundation
import TestSupport
import Testing
import TicketHubTestSupport

extension OneAtATime {
  /// Things that go wrong during a sale, on real servers and real processes, one after the other and several at a time. One TicketHub
  /// for all of them, one sale at a time.
  @Suite(.timeLimit(.minutes(15))) struct `Sales under faults` {
    private static let start = Task { try await TicketHub(linked: true) }

    private func hub() async throws -> TicketHub { try await Self.start.value }

    @Test func `a sale survives what happens to its processes`() async throws {
      try await expectSurvival(of: Fault.ofProcesses, for: .seconds(2))
    }

    @Test func `a sale survives what happens to its servers`() async throws {
      try await expectSurvival(of: Fault.ofServers, for: .seconds(2))
    }

    @Test func `a sale survives what happens to its connections`() async throws {
      try await expectSurvival(of: Fault.ofLinks, for: .seconds(2))
    }

    @Test func `a sale survives a rolling restart of everything`() async throws {
      try await expectSurvival(of: [.restartEverything], for: .seconds(1))
    }

    @Test func `a sale survives faults that overlap`() async throws {
      let seed = Sale.newSeed()
      let report = try await Sale(on: hub(), seed: seed).run { site in
        _ = try await Nemesis(faults: Fault.all, time: .seconds(60), seed: seed).strike(site)
      }
      log("\(report)")
      #expect(report.violations.isEmpty)
    }

    /// One fault after the other, in an order drawn from the seed, with a moment of peace after each.
    private func expectSurvival(of faults: [Fault], for time: Duration) async throws {
      let seed = Sale.newSeed()
      var generator = SeededGenerator(seed: seed)
      let order = faults.shuffled(using: &generator)
      let report = try await Sale(on: hub(), seed: seed).run { site in
        for fault in order {
          let start = ContinuousClock.now
          try await site.suffer(fault, for: time, &generator)
          log("\(fault), \(ContinuousClock.now - start)")
          try await Task.sleep(for: .milliseconds(300))
        }
      }
      log("\(report)")
      #expect(report.violations.isEmpty)
    }
  }
}
