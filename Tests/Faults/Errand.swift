import Foundation
import Pipeline
import TestSupport
import TicketHubTestSupport
import Ticketing

/// How a customer sends one request, again and again where that is needed, and notes what the answers say.
struct Errand: Sendable {
  let hub: TicketHub
  /// nil where the request has been accepted.
  let selection: JSON?
  private let reservation: ReservationID
  private let path: String
  private let token: String

  init(hub: TicketHub, purchase: Purchase, selection: JSON?) {
    self.hub = hub
    self.selection = selection
    reservation = purchase.reservation
    path = "/v1/reservations/\(reservation)"
    token = hub.token(of: purchase.customer)
  }

  /// Sends the request until it is accepted, with the same key, at any gateway. Some give up when they are refused.
  func ask(_ purchase: inout Purchase, givesUpWhenOverloaded: Bool, _ traffic: Traffic, _ generator: inout SeededGenerator) async
  {
    let end = ContinuousClock.now + .seconds(180)
    while .now < end {
      let gateway = hub.gateways.randomElement(using: &generator)!
      var answer = Purchase.Answer.unknown
      do {
        let reply = try await gateway.post(
          "/v1/events/\(purchase.event)/reservations", ["selection": selection ?? .null], as: token, key: purchase.key)
        answer = Self.meaning(of: reply)
        if answer == .accepted {
          purchase.acceptedAt = purchase.acceptedAt ?? .now
          purchase.namedAs.insert(try reply.decoded(as: TicketHubTestSupport.Reservation.self).id)
        }
      } catch {
        // No answer.
      }
      purchase.answers.append(answer)
      switch answer {
      case .accepted, .unexpected: return
      // Only while nothing but refusals came is it certain that nothing is queued.
      case .overloaded where givesUpWhenOverloaded && purchase.isRefused: return
      case .overloaded, .unknown: try? await Task.sleep(for: .milliseconds(.random(in: 20...300, using: &generator)))
      }
    }
  }

  private static func meaning(of reply: Reply) -> Purchase.Answer {
    switch (reply.status, reply.problem) {
    case (202, _): .accepted
    case (503, "overloaded"): .overloaded
    case (503, "unavailable"): .unknown
    default: .unexpected("\(reply)")
    }
  }

  /// Looks at the reservation. False while it has no outcome.
  func look(_ purchase: inout Purchase, waiting seconds: Int) async -> Bool {
    for gateway in hub.gateways.shuffled() {
      guard let reply = try? await gateway.get(path, as: token, ["Prefer": "wait=\(seconds)"]), reply.status == 200,
        let state = try? reply.decoded(as: TicketHubTestSupport.Reservation.self), state.status != "queued",
        let sequence = state.sequence
      else { continue }
      purchase.outcome = Purchase.Outcome(status: state.status, sequence: sequence, seats: state.seats)
      return true
    }
    // Not a way of waiting for an outcome: it keeps a customer from asking in a loop where nobody answers.
    try? await Task.sleep(for: .milliseconds(100))
    return false
  }

  func extend(_ purchase: inout Purchase, _ generator: inout SeededGenerator) async {
    let key = uniqueKey()
    let headers = ["Idempotency-Key": key]
    let reply = try? await hub.gateways.randomElement(using: &generator)!.send("POST", "\(path)/extensions", as: token, headers)
    guard reply?.status == 202 else { return }
    purchase.acceptedExtensions.append(
      DerivedIdentity.command("extend", about: reservation, by: purchase.customer, key: key))
  }

  func release(_ purchase: inout Purchase, _ generator: inout SeededGenerator) async {
    let reply = try? await hub.gateways.randomElement(using: &generator)!.delete(path, as: token)
    if reply?.status == 202 { purchase.isReleaseAccepted = true }
  }
}
