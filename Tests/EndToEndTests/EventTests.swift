import Foundation
import Testing
import TicketHubTestSupport

@Suite struct Events {
  @Test func `an event is created with the defaults of the contract and can be read at both gateways`() async throws {
    let hub = try await TicketHub.shared()
    let reply = try await hub.gateway.post("/v1/events", newEvent(), as: hub.organiserToken(), key: uniqueKey())
    #expect(reply.status == 201)
    let event = try reply.decoded(as: Event.self)
    #expect(reply["Location"] == event.path)
    #expect(event.status == "published")
    #expect((event.hold_seconds, event.max_extensions, event.max_tickets_per_customer) == (600, 1, 8))
    #expect(event.sales_close_at == event.starts_at)
    #expect(event.sections.map(\.capacity) == [100, 20])
    for gateway in hub.gateways { #expect(try await gateway.get(event.path).decoded() == event) }
  }

  @Test func `a repeated key is the same event, and with another body it is refused`() async throws {
    let hub = try await TicketHub.shared()
    let (organiser, key, body) = (hub.organiserToken(), uniqueKey(), newEvent())
    let first = try await hub.gateway.post("/v1/events", body, as: organiser, key: key)
    let again = try await hub.gateways[1].post("/v1/events", text: " \(body.text)\n", as: organiser, key: "\"\(key)\"")
    #expect(again.status == 201)
    #expect(try again.decoded(as: Event.self) == first.decoded())
    #expect(again["Idempotent-Replayed"] == "true")
    #expect(first["Idempotent-Replayed"] == nil)
    let other = try await hub.gateway.post("/v1/events", newEvent(["name": "Another"]), as: organiser, key: key)
    #expect(other.status == 422)
    #expect(other.problem == "idempotency_key_reused")
    let others = try await hub.gateway.post("/v1/events", body, as: hub.organiserToken(), key: key)
    #expect(try others.decoded(as: Event.self).id != first.decoded(as: Event.self).id)
  }

  @Test func `creating events takes a role and a key`() async throws {
    let hub = try await TicketHub.shared()
    let anonymous = try await hub.gateway.post("/v1/events", newEvent(), key: uniqueKey())
    #expect(anonymous.problem == "unauthenticated")
    let customer = try await hub.gateway.post("/v1/events", newEvent(), as: hub.token(), key: uniqueKey())
    #expect(customer.status == 403)
    #expect(customer.problem == "forbidden")
    let keyless = try await hub.gateway.post("/v1/events", newEvent(), as: hub.organiserToken())
    #expect(keyless.status == 400)
    #expect(keyless.problem == "idempotency_key_missing")
  }

  @Test(
    arguments: [
      ("name", "", "/name"), ("venue", nil, "/venue"), ("starts_at", "tomorrow", "/starts_at"),
      ("starts_at", "2030-02-30T00:00:00Z", "/starts_at"), ("hold_seconds", 4, "/hold_seconds"),
      ("hold_seconds", 60.5, "/hold_seconds"), ("max_tickets_per_customer", 101, "/max_tickets_per_customer"),
      ("status", "paused", "/status"), ("sections", [], "/sections"), ("colour", "red", "/colour"),
      ("sales_close_at", "2001-01-01T00:00:00Z", "/sales_close_at"),
      ("sections", [["id": "A", "name": "A", "kind": "seated"]], "/sections/0/id"),
    ] as [(String, JSON, String)])
  func `a bad member of an event is pointed at`(_ member: String, _ value: JSON, _ pointer: String) async throws {
    let hub = try await TicketHub.shared()
    let reply = try await hub.gateway.post(
      "/v1/events", newEvent([member: value]), as: hub.organiserToken(), key: uniqueKey())
    #expect(reply.status == 422)
    #expect(reply.problem == "validation_failed")
    #expect(try reply.decoded(as: Problem.self).errors?.contains { $0.pointer == pointer } == true)
  }

  @Test func `what a client has already is not sent again`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    for path in [event.path, "\(event.path)/availability", "\(event.path)/seats?section=stalls"] {
      let reply = try await hub.gateway.get(path)
      let tag = try #require(reply["ETag"])
      let again = try await hub.gateways[1].get(path, ["If-None-Match": "\"other\", \(tag)"])
      #expect(again.status == 304)
      #expect(again.body.isEmpty)
      #expect(again["ETag"] == tag)
      #expect(try await hub.gateway.get(path, ["If-None-Match": "\"other\""]).status == 200)
    }
  }

  @Test func `an id that is none is told from one that nobody has`() async throws {
    let gateway = try await TicketHub.shared().gateway
    for suffix in ["", "/availability", "/seats?section=stalls"] {
      let malformed = try await gateway.get("/v1/events/12345\(suffix)")
      #expect(malformed.status == 400)
      #expect(malformed.problem == "validation_failed")
      let unknown = try await gateway.get("/v1/events/\(UUID().uuidString)\(suffix)")
      #expect(unknown.status == 404)
      #expect(unknown.problem == "not_found")
    }
  }

  @Test func `only a seated section has a seat map`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    let map = try await hub.gateway.get("\(event.path)/seats?section=stalls").decoded(as: SeatMap.self)
    #expect(map.rows.map(\.name) == ["A", "B"])
    #expect(map.rows.map(\.aisles_after) == [[5], nil])
    #expect(map.rows.map(\.seats) == ["aaaaaaaaaa", "aaaaaaaaaa"])
    for query in ["", "?section=floor", "?section=%00"] {
      #expect(try await hub.gateway.get("\(event.path)/seats\(query)").problem == "validation_failed")
    }
    #expect(try await hub.gateway.get("\(event.path)/seats?section=balcony").status == 404)
  }

  @Test func `a draft is seen by its organiser and by operators`() async throws {
    let hub = try await TicketHub.shared()
    let organiser = hub.organiserToken()
    let draft = try await hub.event(by: organiser, ["status": "draft"])
    for path in [draft.path, "\(draft.path)/availability", "\(draft.path)/seats?section=stalls"] {
      for gateway in hub.gateways {
        for stranger in [nil, hub.token(), hub.organiserToken()] {
          #expect(try await gateway.get(path, as: stranger).status == 404)
        }
        for insider in [organiser, hub.operatorToken()] { #expect(try await gateway.get(path, as: insider).status == 200) }
      }
    }
    let own = try await hub.gateway.get("/v1/events?mine=true", as: organiser).decoded(as: Page<Event>.self)
    #expect(own.items == [draft])
    #expect(try await hub.gateway.get("/v1/events?mine=true").status == 401)
  }

  @Test(arguments: [1, 2, 100]) func `pages show every event once, soonest first`(_ limit: Int) async throws {
    let hub = try await TicketHub.shared()
    let organiser = hub.organiserToken()
    // Among many that start at the same moment, too.
    let moments = [JSON.time(in: 3000), .time(in: 1000), .time(in: 2000), .time(in: 2000), .time(in: 2000)]
    var created: [Event] = []
    for moment in moments { created.append(try await hub.event(by: organiser, ["starts_at": moment])) }
    var listed: [Event] = []
    var path: String? = "/v1/events?mine=true&limit=\(limit)"
    while let next = path {
      let page = try await hub.gateway.get(next, as: organiser).decoded(as: Page<Event>.self)
      #expect(page.items.count <= limit)
      listed += page.items
      path = page.next_cursor.map { "/v1/events?mine=true&limit=\(limit)&cursor=\($0)" }
    }
    #expect(Set(listed.map(\.id)) == Set(created.map(\.id)))
    #expect(listed.count == created.count)
    #expect(listed.map(\.starts_at) == listed.map(\.starts_at).sorted())
  }

  @Test(arguments: ["/v1/events", "/v1/reservations"]) func `a bad limit or cursor is refused`(_ path: String) async throws {
    let hub = try await TicketHub.shared()
    for query in ["limit=0", "limit=101", "limit=x", "limit=", "cursor=x", "cursor=8000000000000000-\(UUID().uuidString)"] {
      let reply = try await hub.gateway.get("\(path)?\(query)", as: hub.token())
      #expect(reply.status == 422, "\(query)")
      #expect(reply.problem == "validation_failed")
    }
  }
}
