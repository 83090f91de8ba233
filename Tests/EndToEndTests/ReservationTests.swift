import Foundation
import TestSupport
import Testing
import TicketHubTestSupport

@Suite struct Reservations {
  @Test func `a request is accepted, decided, and shown with its tickets`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    let customer = hub.customer()
    let accepted = try await customer.ask(.tickets(2), of: event)
    #expect(accepted.status == 202)
    let queued = try accepted.decoded(as: Reservation.self)
    #expect(accepted["Location"] == queued.path)
    #expect((accepted["Retry-After"].flatMap { Int($0) } ?? -1) >= 0)
    #expect(accepted["Idempotent-Replayed"] == nil)
    #expect(queued.selection == .tickets(2))

    let held = try await customer.outcome(of: queued)
    #expect(held.status == "held")
    #expect(held.sequence == 1)
    #expect(held.version > queued.version)
    #expect(held.queue == nil)
    #expect(held.tickets?.map(\.section) == ["floor", "floor"])
    #expect(held.total == Money(amount: 5000, currency: "EUR"))
    #expect(held.extensions_left == 1)
    #expect(try moment(held.expires_at) > moment(held.server_time))
    let floor = try await hub.gateway.get("\(event.path)/availability").decoded(as: Availability.self).sections[0]
    #expect((floor.available, floor.held, floor.sold) == (98, 2, 0))
  }

  @Test func `the same request again is the same reservation, however it is written and wherever it is sent`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    let (token, key) = (hub.token(), uniqueKey())
    let path = "\(event.path)/reservations"
    let writings = [
      (key, #"{"selection":{"section":"floor","quantity":2},"fallbacks":[{"section":"stalls","quantity":2}]}"#),
      (key, #" { "fallbacks" : [ {"quantity":2.0,"section":"st\u0061lls"} ], "selection":{"quantity":2,"section":"floor"} } "#),
      ("\"\(key)\"", #"{"fallbacks":[{"section":"stalls","quantity":2}],"selection":{"section":"floor","quantity":2}}"#),
    ]
    // All at once, at both gateways: double clicks don't wait for each other.
    let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
      for gateway in hub.gateways {
        for (key, text) in writings { group.addTask { try await gateway.post(path, text: text, as: token, key: key) } }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(replies.map(\.status) == Array(repeating: 202, count: 6))
    #expect(Set(try replies.map { try $0.decoded(as: Reservation.self).id }).count == 1)
    #expect(replies.count { $0["Idempotent-Replayed"] == "true" } == 5)

    let customer = Customer(token: token, gateway: hub.gateway)
    _ = try await customer.outcome(of: replies[0].decoded())
    let listed = try await hub.gateway.get("/v1/reservations", as: token).decoded(as: Page<Reservation>.self)
    #expect(listed.items.count == 1)
    let held = try await hub.gateway.get("\(event.path)/availability").decoded(as: Availability.self).sections[0].held
    #expect(held == 2)
  }

  @Test func `a key is scoped to its user and path, and bound to its body`() async throws {
    let hub = try await TicketHub.shared()
    let (event, another) = (try await hub.event(), try await hub.event())
    let (customer, key) = (hub.customer(), uniqueKey())
    let first = try await customer.ask(.tickets(1), of: event, key: key).decoded(as: Reservation.self)
    for gateway in hub.gateways.indices {
      let reused = try await Customer(token: customer.token, gateway: hub.gateways[gateway]).ask(.tickets(2), of: event, key: key)
      #expect(reused.status == 422)
      #expect(reused.problem == "idempotency_key_reused")
    }
    let elsewhere = try await customer.ask(.tickets(1), of: another, key: key)
    let others = try await hub.customer().ask(.tickets(1), of: event, key: key)
    for reply in [elsewhere, others] {
      #expect(reply.status == 202)
      #expect(try reply.decoded(as: Reservation.self).id != first.id)
    }
  }

  @Test func `a reservation is nobody's business but its customer's`() async throws {
    let hub = try await TicketHub.shared()
    let customer = hub.customer()
    let reservation = try await customer.reserve(.tickets(1), of: hub.event())
    for token in [hub.token(), hub.operatorToken()] {
      let stranger = Customer(token: token, gateway: hub.gateway)
      #expect(try await hub.gateway.get(reservation.path, as: token).problem == "not_found")
      #expect(try await stranger.release(reservation).problem == "not_found")
      #expect(try await stranger.extend(reservation).problem == "not_found")
    }
    #expect(try await hub.gateway.get(reservation.path).problem == "unauthenticated")
  }

  @Test(
    arguments: [
      (["section": "floor", "quantity": 0], "/selection/quantity"),
      (["section": "floor", "quantity": "2"], "/selection/quantity"),
      (["section": "floor", "quantity": 101], "/selection/quantity"),
      (["section": "balcony", "quantity": 1], "/selection/section"),
      (["section": "floor"], "/selection/quantity"), (["seats": []], "/selection/seats"),
      (["seats": ["stalls-A-11"]], "/selection/seats/0"), (["seats": ["stalls-A-01"]], "/selection/seats/0"),
      (["seats": ["stalls-A-1", "stalls-A-1"]], "/selection/seats/1"), (["seats": ["stalls-A-1\u{0}"]], "/selection/seats/0"),
      (["section": "floor", "quantity": 1, "colour": "red"], "/selection/colour"), ("two", "/selection"),
    ] as [(JSON, String)]) func `a bad selection is pointed at`(_ selection: JSON, _ pointer: String) async throws
  {
    let hub = try await TicketHub.shared()
    let reply = try await hub.customer().ask(selection, of: hub.event())
    #expect(reply.status == 422)
    #expect(reply.problem == "validation_failed")
    #expect(try reply.decoded(as: Problem.self).errors?.map(\.pointer) == [pointer])
  }

  @Test func `a request without a key is refused`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    let reply = try await hub.gateway.post("\(event.path)/reservations", ["selection": .tickets(1)], as: hub.token())
    #expect(reply.status == 400)
    #expect(reply.problem == "idempotency_key_missing")
  }

  @Test func `named seats are given all or none, and the map shows them`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    let held = try await hub.customer().reserve(.seats("stalls-B-3", "stalls-A-1"), of: event)
    #expect(Set(held.seats) == ["stalls-A-1", "stalls-B-3"])
    let refused = try await hub.customer().reserve(.seats("stalls-A-2", "stalls-A-1"), of: event)
    #expect(refused.status == "rejected")
    #expect(refused.rejection?.code == "seats_taken")
    #expect(refused.tickets == nil)
    let map = try await hub.gateway.get("\(event.path)/seats?section=stalls").decoded(as: SeatMap.self)
    #expect(map.rows.map(\.seats) == ["haaaaaaaaa", "aahaaaaaaa"])
  }

  @Test func `the best seats are side by side unless apart will do`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    let best = try await hub.customer().reserve(.tickets(2, in: "stalls"), of: event)
    #expect(Set(best.seats).count == 2)
    #expect(best.seats.allSatisfy { $0.hasPrefix("stalls-A-") })
    // The first row is parted by its aisle.
    #expect(try await hub.customer().reserve(.tickets(8, in: "stalls"), of: event).seats.allSatisfy { $0.hasPrefix("stalls-B-") })
    #expect(try await hub.customer().reserve(.tickets(6, in: "stalls"), of: event).rejection?.code == "no_adjacent_seats")
    let apart = try await hub.customer().reserve(["section": "stalls", "quantity": 6, "adjacent": false], of: event)
    #expect(Set(apart.seats).count == 6)
    #expect(try await hub.customer().reserve(.tickets(5, in: "stalls"), of: event).rejection?.code == "sold_out")
  }

  @Test func `a fallback is taken in the same decision`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    _ = try await hub.customer().reserve(.seats("stalls-A-1"), of: event)
    let held = try await hub.customer().reserve(
      .seats("stalls-A-1"), fallbacks: [["seats": ["stalls-A-1", "stalls-A-2"]], .tickets(2)], of: event)
    #expect(held.status == "held")
    #expect(held.sequence == 2)
    #expect(held.tickets?.map(\.section) == ["floor", "floor"])
  }

  @Test func `a sale that is not open takes no requests, but answers those it took`() async throws {
    let hub = try await TicketHub.shared()
    let early = try await hub.event(["sales_open_at": .time(in: 3600)])
    let refused = try await hub.customer().ask(.tickets(1), of: early)
    #expect(refused.status == 409)
    #expect(refused.problem == "not_on_sale")
    #expect(refused["Retry-After"].flatMap { Int($0) }.map { (3590...3600).contains($0) } == true)

    let closing = try await hub.event(["sales_close_at": .time(in: 3)])
    let (customer, key) = (hub.customer(), uniqueKey())
    #expect(try await customer.ask(.tickets(1), of: closing, key: key).status == 202)
    try await eventually("the close of the sale") { try await hub.customer().ask(.tickets(1), of: closing).status == 409 }
    let repeated = try await customer.ask(.tickets(1), of: closing, key: key)
    #expect(repeated.status == 202)
    #expect(repeated["Idempotent-Replayed"] == "true")
  }

  @Test func `a draft is not on sale, and does not exist for others`() async throws {
    let hub = try await TicketHub.shared()
    let organiser = hub.organiserToken()
    let draft = try await hub.event(by: organiser, ["status": "draft"])
    let own = try await Customer(token: organiser, gateway: hub.gateway).ask(.tickets(1), of: draft)
    #expect(own.status == 409)
    #expect(own.problem == "not_on_sale")
    #expect(try await hub.customer().ask(.tickets(1), of: draft).problem == "not_found")
  }

  @Test func `a customer's reservations are listed newest first, page by page`() async throws {
    let hub = try await TicketHub.shared()
    let (event, customer) = (try await hub.event(), hub.customer())
    var made: [UUID] = []
    for _ in 0..<5 { made.append(try await customer.reserve(.tickets(1), of: event).id) }
    for limit in [1, 2, 100] {
      var listed: [UUID] = []
      var path: String? = "/v1/reservations?limit=\(limit)"
      while let next = path {
        let page = try await hub.gateways[1].get(next, as: customer.token).decoded(as: Page<Reservation>.self)
        #expect(page.items.count <= limit)
        listed += page.items.map(\.id)
        path = page.next_cursor.map { "/v1/reservations?limit=\(limit)&cursor=\($0)" }
      }
      #expect(listed == made.reversed())
    }
  }
}
