import Foundation
import Synchronization
import TestSupport
import TicketHubTestSupport
import Ticketing

/// A sale to which things happen while it runs, and what its checker has to say afterwards.
struct Sale: Sendable {
  let site: Site
  let events: [EventID]
  private let seed: UInt64

  /// The seed for all that a run draws: `$TICKETHUB_FAULT_SEED`, or a new one.
  static func newSeed() -> UInt64 {
    ProcessInfo.processInfo.environment["TICKETHUB_FAULT_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...999_999)
  }

  /// Enough for some minutes, with the same few seats asked for by name all the time.
  private static let sections: JSON = [
    [
      "id": "floor", "name": "Floor", "kind": "general_admission", "capacity": 500,
      "price": ["amount": 2500, "currency": "EUR"],
    ],
    [
      "id": "stalls", "name": "Stalls", "kind": "seated", "price": ["amount": 5000, "currency": "EUR"],
      "rows": .array("ABCDEFGH".map { ["name": .string("\($0)"), "seats": 20, "aisles_after": [10]] }),
    ],
  ]

  /// With two workers, and events of both kinds: some give holds that expire during the run.
  init(on hub: TicketHub, seed: UInt64) async throws {
    self.seed = seed
    var events: [EventID] = []
    for number in 0..<4 {
      let event = try await hub.event([
        "hold_seconds": number % 2 == 0 ? 600 : 10, "max_tickets_per_customer": 6, "sections": Self.sections,
      ])
      events.append(EventID(event.id.uuidString)!)
    }
    self.events = events
    site = Site(hub: hub, crew: Crew(hub), traffic: Traffic())
    try await site.crew.scale(to: 2)
  }

  /// Sells while the body lets things happen, and judges the whole when everything works again.
  func run(lanes: Int = 8, _ body: (Site) async throws -> Void) async throws -> Report {
    let start = ContinuousClock.now
    async let buying = Buyers(hub: site.hub, events: events, traffic: site.traffic).buy(lanes: lanes, seed: seed)
    do {
      try await body(site)
      try await site.crew.scale(to: 2)
    } catch {
      site.traffic.stop()
      _ = await buying
      throw error
    }
    site.traffic.stop()
    let history = await buying
    let violations = try await Checker(hub: site.hub).violations(in: history, of: events)
    try await site.crew.scale(to: 0)
    return Report(seed: seed, time: .now - start, history: history, violations: violations)
  }
}

/// What a run came to.
struct Report: CustomStringConvertible {
  let seed: UInt64
  let time: Duration
  let history: History
  let violations: [String]

  var description: String {
    "seed \(seed), \(time.formatted(.units(allowed: [.minutes, .seconds]))): \(history.summary); \(violations.count) violations"
      + violations.map { "\n  \($0)" }.joined()
  }
}
