import Foundation
import Testing
import TicketHubTestSupport

@Suite struct Holds {
  @Test func `released tickets can be sold again, and releasing twice changes nothing`() async throws {
    let hub = try await TicketHub.shared()
    let (event, customer) = (try await hub.event(), hub.customer())
    let held = try await customer.reserve(.seats("stalls-A-1"), of: event)
    let release = try await customer.release(held)
    #expect(release.status == 202)
    #expect(release["Location"] == held.path)
    let released = try await customer.state(of: held) { $0.status == "released" }
    #expect(released.tickets == nil)
    let again = try await customer.release(held)
    #expect(again.status == 202)
    #expect(try await hub.customer().reserve(.seats("stalls-A-1"), of: event).status == "held")
    #expect(try await customer.outcome(of: held).version == released.version)
    #expect(try await customer.extend(held).problem == "conflict")
  }

  @Test func `what was never given can't be given back`() async throws {
    let hub = try await TicketHub.shared()
    let (event, customer) = (try await hub.event(), hub.customer())
    _ = try await hub.customer().reserve(.seats("stalls-A-1"), of: event)
    let rejected = try await customer.reserve(.seats("stalls-A-1"), of: event)
    let reply = try await customer.release(rejected)
    #expect(reply.status == 409)
    #expect(reply.problem == "conflict")
  }

  @Test func `a hold is extended by its length until no extension is left`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event(["hold_seconds": 60, "max_extensions": 2])
    let customer = hub.customer()
    let held = try await customer.reserve(.tickets(1), of: event)
    let key = uniqueKey()
    let extended = try await customer.extend(held, key: key)
    #expect(extended.status == 202)
    #expect(extended["Location"] == held.path)
    let first = try await customer.state(of: held) { $0.extensions_left == 1 }
    #expect(abs(try moment(first.expires_at).timeIntervalSince(moment(held.expires_at)) - 60) < 0.01)
    let repeated = try await customer.extend(held, key: key)
    #expect(repeated.status == 202)
    #expect(repeated["Idempotent-Replayed"] == "true")
    #expect(try await customer.extend(held).status == 202)
    let second = try await customer.state(of: held) { $0.extensions_left == 0 }
    #expect(abs(try moment(second.expires_at).timeIntervalSince(moment(held.expires_at)) - 120) < 0.01)
    let none = try await customer.extend(held)
    #expect(none.status == 409)
    #expect(none.problem == "conflict")
    #expect(
      try await hub.gateway.send("POST", "\(held.path)/extensions", as: customer.token).problem == "idempotency_key_missing")
  }

  @Test func `a hold expires within a second of its time, and its tickets can be sold again`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event(["hold_seconds": 5])
    let customer = hub.customer()
    let held = try await customer.reserve(.seats("stalls-A-1"), of: event)
    let expired = try await customer.state(of: held) { $0.status == "expired" }
    let delay = try moment(expired.server_time).timeIntervalSince(moment(held.expires_at))
    #expect(delay >= 0)
    #expect(delay < 1)
    #expect(try await customer.release(held).problem == "conflict")
    #expect(try await customer.extend(held).problem == "conflict")
    #expect(try await hub.customer().reserve(.seats("stalls-A-1"), of: event).status == "held")
  }

  @Test func `a poll waits for a change as long as it is asked to`() async throws {
    let hub = try await TicketHub.shared()
    let customer = hub.customer()
    let held = try await customer.reserve(.tickets(1), of: hub.event())
    let reply = try await hub.gateway.get(held.path, as: customer.token)
    let tag = try #require(reply["ETag"])
    #expect(reply["Retry-After"] == nil)
    #expect(reply["Preference-Applied"] == nil)

    let start = ContinuousClock.now
    let unchanged = try await hub.gateway.get(held.path, as: customer.token, ["Prefer": "wait=1", "If-None-Match": tag])
    #expect(unchanged.status == 304)
    #expect(unchanged["Preference-Applied"] == "wait=1")
    #expect(ContinuousClock.now - start >= .seconds(1))

    async let changed = hub.gateways[1].get(held.path, as: customer.token, ["Prefer": "wait=99", "If-None-Match": tag])
    _ = try await customer.release(held)
    #expect(try await changed.decoded(as: Reservation.self).status == "released")
    #expect(try await changed["Preference-Applied"] == "wait=30")
  }
}
