import Foundation
import Testing
import TicketHubTestSupport

extension OneAtATime {
  /// Faults at random for as long as one likes: `./compose/local faults`.
  @Suite struct `Sales for a long time` {
    private static let time = ProcessInfo.processInfo.environment["TICKETHUB_FAULT_MINUTES"].flatMap { Int($0) }
      .map { Duration.seconds($0 * 60) }

    @Test(.enabled(if: Self.time != nil)) func `a sale survives faults for a long time`() async throws {
      let hub = try await TicketHub(linked: true)
      let end = try ContinuousClock.now + #require(Self.time)
      var seed = Sale.newSeed()
      var counts: [String: Int] = [:]
      var (requests, violations) = (0, 0)
      repeat {
        // Sales of some minutes each: what went wrong is seen soon, and each is repeated by its own seed.
        let time = min(.seconds(180), end - .now)
        let report = try await Sale(on: hub, seed: seed).run { site in
          let struck = try await Nemesis(faults: Fault.all, time: time, seed: seed).strike(site)
          for (fault, count) in struck { counts["\(fault)", default: 0] += count }
        }
        log("\(report)")
        #expect(report.violations.isEmpty)
        (requests, violations) = (requests + report.history.purchases.count, violations + report.violations.count)
        seed += 1
      } while .now < end
      let faults = counts.sorted { $0.key < $1.key }.map { "  \($0.value) x \($0.key)" }
      log(
        "\n\(counts.values.reduce(0, +)) faults:\n\(faults.joined(separator: "\n"))\n\(requests) requests, \(violations) violations"
      )
    }
  }
}
