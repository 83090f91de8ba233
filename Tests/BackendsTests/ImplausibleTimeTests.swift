import BackendsTestSupport
import Pipeline
import Testing
import Ticketing
import Verification

struct ImplausibleTimeTests {
  /// In hours from now: long after its decision, before the event was made, and in the future.
  @Test(arguments: [(2, 0, "accepted_at"), (-4, 0, "accepted_at"), (0, 2, "decided_at")])
  func `a time that no clock can have had is found, however well it is hashed`(
    accepted: Int, decided: Int, column: String
  ) async throws {
    try await AuditedSale.with { sale in
      let now = wallClock()
      let command = Command.reserve(event: sale.record.event.id, at: now.adding(seconds: accepted * 3600))
      try await sale.decide([command], at: now.adding(seconds: decided * 3600))
      #expect(try await sale.differences().map(\.what) == ["decisions \(sale.decider.state.version) \(column)"])
    }
  }
}
