import Foundation
import Pipeline
import Synchronization
import TestSupport
import TicketHubTestSupport
import Ticketing

/// Customers who ask for tickets, one request after the other, for as long as the sale goes on.
struct Buyers: Sendable {
  let hub: TicketHub
  let events: [EventID]
  let traffic: Traffic
  /// How long after the last fault a request may take to come through.
  static let patience = Duration.seconds(90)

  /// Lets so many buy at the same time until the traffic stops, and follows every request to its end.
  func buy(lanes: Int, seed: UInt64) async -> History {
    await withTaskGroup(of: History.self) { group in
      for lane in 0..<lanes {
        group.addTask { await buy(SeededGenerator(seed: seed &+ UInt64(lane) &* 7919)) }
      }
      return await group.reduce(into: History()) { $0 += $1 }
    }
  }

  private func buy(_ generator: SeededGenerator) async -> History {
    var generator = generator
    var history = History()
    while await traffic.mayGoOn() {
      var purchase = Purchase(
        event: events.randomElement(using: &generator)!, customer: CustomerID(randomUUID()), key: uniqueKey())
      let errand = Errand(hub: hub, purchase: purchase, selection: selection(&generator))
      // Some give up when they are told that the site is overloaded; nothing may come of their requests.
      let givesUp = generator.oneIn(2)
      await errand.ask(&purchase, givesUpWhenOverloaded: givesUp, traffic, &generator)
      if purchase.acceptedAt != nil, !generator.oneIn(4) { await change(&purchase, errand, &generator) }
      traffic.leave()
      history.purchases.append(purchase)
    }
    for index in history.purchases.indices { await finish(&history.purchases[index], &history.contradictions) }
    return history
  }

  /// Looks at what has become of the request, and perhaps asks for more time or gives the tickets back.
  private func change(_ purchase: inout Purchase, _ errand: Errand, _ generator: inout SeededGenerator) async {
    guard await errand.look(&purchase, waiting: 2), purchase.outcome?.status == "held" else { return }
    if generator.oneIn(4) { await errand.extend(&purchase, &generator) }
    if generator.oneIn(3) { await errand.release(&purchase, &generator) }
  }

  /// What was accepted must have an outcome by now, or soon; what was told before must still be so.
  private func finish(_ purchase: inout Purchase, _ contradictions: inout [String]) async {
    guard purchase.acceptedAt != nil else { return }
    let errand = Errand(hub: hub, purchase: purchase, selection: nil)
    let before = purchase.outcome
    let end = ContinuousClock.now + Self.patience
    var found = false
    repeat { found = await errand.look(&purchase, waiting: 5) } while !found && .now < end
    if !found { contradictions.append("reservation \(purchase.reservation) was accepted and has no outcome") }
    if let before, let after = purchase.outcome {
      let isRevoked = before.sequence != after.sequence || (before.status == "rejected") != (after.status == "rejected")
      if isRevoked || after.status == "held" && before.seats != after.seats {
        contradictions.append("reservation \(purchase.reservation) was told \(before), and then \(after)")
      }
    }
  }

  private func selection(_ generator: inout SeededGenerator) -> JSON {
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: .tickets(.random(in: 1...3, using: &generator), in: "stalls")
    case 1: .seats("stalls-\(["A", "B"].randomElement(using: &generator)!)-\(Int.random(in: 1...10, using: &generator))")
    default: .tickets(.random(in: 1...3, using: &generator))
    }
  }
}

/// Whether customers go on, wait, or go home.
final class Traffic: Sendable {
  private struct State {
    var isStopped = false
    var isPaused = false
    var busy = 0
  }

  private let state = Mutex(State())

  func stop() { state.withLock { $0.isStopped = true } }

  /// Holds new requests back, and returns when none is under way.
  func pause() async throws {
    state.withLock { $0.isPaused = true }
    try await eventually(within: .seconds(120), "an end of the requests under way") { state.withLock { $0.busy } == 0 }
  }

  func resume() { state.withLock { $0.isPaused = false } }

  var isStopped: Bool { state.withLock(\.isStopped) }

  /// Called before each request, which must be ended with ``leave()``. False when the customer is to go home.
  func mayGoOn() async -> Bool {
    while true {
      let decision: Bool? = state.withLock { state in
        if state.isStopped { return false }
        if state.isPaused { return nil }
        state.busy += 1
        return true
      }
      if let decision { return decision }
      try? await Task.sleep(for: .milliseconds(20))
    }
  }

  func leave() { state.withLock { $0.busy -= 1 } }
}
