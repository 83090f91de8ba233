import FoundationEssentials
import NIOCore

/// What the server says once nothing changes any more.
struct Settled: Sendable {
  /// Nil if it could not be read.
  var inventory: Inventory?
  /// The reservations read again, by the number of their purchase.
  var outcomes: [Int: Outcome] = [:]
  /// Those that should have been read again and could not.
  var unreadable: Set<Int> = []
  /// Why it is not settled, as a sentence; nil if it is.
  var failure: String?
}

/// Reads counts, seat maps and reservations until they show one and the same moment.
///
/// They come from several requests, and holds may expire between them. So the reservations are read between two readings of the
/// inventory: if those are equal, nothing was decided in between.
struct Settler: Sendable {
  let plan: LoadPlan
  let client: GatewayClient
  let event: Event
  let tokens: [String]
  let eventLoop: any EventLoop

  private static let pause = Duration.milliseconds(100)
  /// A hold that ends this soon may do so while it is being read.
  private static let margin = 2.0

  func settle(_ record: RunRecord) async throws -> Settled {
    let deadline = ContinuousClock.now + plan.settleTimeout
    let lastDecision = record.purchases.reduce(0) { max($0, $1.outcome?.sequence ?? 0) }
    var settled = Settled()
    var isFirst = true
    repeat {
      try Task.checkCancellation()
      do {
        let before = try await client.inventory(of: event)
        settled.inventory = before
        guard before.availability.version >= lastDecision else {
          settled.failure =
            "The availability is still at version \(before.availability.version), though decision \(lastDecision) was seen."
          try await Task.sleep(for: Self.pause)
          continue
        }
        let again = toReadAgain(record, settled, all: isFirst && plan.readsOutcomesAgain)
        isFirst = false
        let outcomes = try await read(again, record)
        settled.outcomes.merge(outcomes) { $1 }
        settled.unreadable = Set(again.filter { outcomes[$0] == nil })
        let after = try await client.inventory(of: event)
        if before == after {
          settled.failure = nil
          return settled
        }
        settled.inventory = after
        settled.failure =
          "The counts kept changing: from version \(before.availability.version) to \(after.availability.version)."
      } catch let error as LoadError {
        settled.failure = error.description
      }
      try await Task.sleep(for: Self.pause)
    } while ContinuousClock.now < deadline
    return settled
  }

  /// All, or the holds whose time is over or nearly so.
  private func toReadAgain(_ record: RunRecord, _ settled: Settled, all: Bool) -> [Int] {
    let soon = Date().timeIntervalSince1970 + record.clockOffset + Self.margin
    return record.purchases.indices.filter { index in
      guard let seen = record.purchases[index].outcome else { return false }
      let latest = settled.outcomes[index] ?? seen
      return all || settled.unreadable.contains(index) || latest.status == "held" && latest.expiresAt.map { $0 <= soon } ?? true
    }
  }

  private func read(_ purchases: [Int], _ record: RunRecord) async throws -> [Int: Outcome] {
    guard !purchases.isEmpty else { return [:] }
    let reservations = purchases.map { (purchase: $0, reservation: record.purchases[$0].reservation) }
    return try await eventLoop.flatSubmit {
      let request = ReservationRequest(target: client.target, tokens: tokens)
      return OutcomeReader(reservations, plan: plan, request: request, eventLoop: eventLoop).read()
    }.get()
  }
}
