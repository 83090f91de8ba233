import HTTPTypes
import NIOHTTP1
import Pipeline
import Testing
import Ticketing

@testable import Gateway

struct EventOperationTests {
  private let gateway = TestGateway()
  private let event = "/v1/events/\(EventID(0xE))"
  private let offer = """
    {"name":"Concert","venue":"Hall","starts_at":"2030-06-01T18:00:00Z","sections":[{"id":"floor","name":"Floor",\
    "kind":"general_admission","capacity":500,"price":{"amount":3200,"currency":"EUR"}}]}
    """

  private func create(_ body: String, key: String? = "key", role: User.Role = .organiser) async throws -> TestGateway.Answer {
    var headers: HTTPFields = [.authorization: gateway.token(of: organiser, role: role)]
    if let key { headers[.idempotencyKey] = key }
    return try await gateway.send(.post, "/v1/events", headers, body: body)
  }

  @Test func `an event is created once, however often it is asked for`() async throws {
    let created = try await create(offer)
    #expect(created.status == 201)
    #expect(created["status"] == .string("published"))
    #expect(created["sales_open_at"] == .string(present.rfc3339))
    guard case .string(let id)? = created["id"] else {
      Issue.record("no id: \(created.text)")
      return
    }
    #expect(created.headers[.location] == "/v1/events/\(id)")
    #expect(created.headers[.idempotentReplayed] == nil)
    let again = try await create(offer)
    #expect(again.status == 201)
    #expect(again.bytes == created.bytes)
    #expect(try await create(offer, key: "other")["id"] != created["id"])
    let different = try await create(offer.replacing("Concert", with: "Opera"))
    #expect(different.status == 422)
    #expect(different.code == "idempotency_key_reused")
    #expect(try await gateway.send(.get, "/v1/events/\(id)", isSigned: false).bytes == created.bytes)
  }

  @Test func `creating takes a role, a key and an event without mistakes`() async throws {
    #expect(try await create(offer, role: .customer).code == "forbidden")
    #expect(try await create(offer, key: nil).code == "idempotency_key_missing")
    let wrong = try await create(offer.replacing("500", with: "0"))
    #expect(wrong.status == 422)
    #expect(wrong.pointers == ["/sections/0/capacity"])
    gateway.events.takeAway()
    #expect(try await create(offer).status == 503)
  }

  @Test func `without the view an event is created all the same`() async throws {
    gateway.catalogue.takeAway()
    #expect(try await create(offer).status == 201)
  }

  @Test func `a draft is a 404 to all but its organiser and operators`() async throws {
    gateway.catalogue.put(.sample(status: .draft))
    let organisers = HTTPFields(dictionaryLiteral: (.authorization, gateway.token(of: organiser, role: .organiser)))
    let operators = HTTPFields(dictionaryLiteral: (.authorization, gateway.token(of: CustomerID(9), role: .operator_)))
    for path in [event, "\(event)/availability", "\(event)/seats?section=block-a"] {
      #expect(try await gateway.send(.get, path, isSigned: false).status == 404)
      #expect(try await gateway.send(.get, path).status == 404)
    }
    #expect(try await gateway.send(.get, event, organisers).status == 200)
    #expect(try await gateway.send(.get, event, operators).status == 200)
  }

  @Test(arguments: [true, false])
  func `events are listed page by page, soonest first, and none twice, by the view and by the database`(byView: Bool) async throws
  {
    let events = (1...5).map { id in
      EventRecord.sample(id: UInt128(id), startsAt: present.adding(seconds: id < 3 ? 60 : 60 * (10 - id)))
    }
    if byView {
      try await gateway.catalogue.list(events)
      try await gateway.catalogue.markListComplete()
    } else {
      for event in events + [EventRecord.sample()] { gateway.events.put(event) }
    }
    #expect(try await gateway.pages(of: "/v1/events?limit=2", isSigned: false) == [[1, 2], [5, 4], [3, 0xE]])
  }

  @Test func `an event is listed until 24 hours after it began`() async throws {
    gateway.events.put(.sample(id: 1, startsAt: present.adding(seconds: -86_400)))
    gateway.events.put(.sample(id: 2, startsAt: present.adding(seconds: -86_401)))
    #expect(try await gateway.pages(of: "/v1/events?limit=20", isSigned: false) == [[1]])
  }

  @Test func `one's own events are listed to whoever signed in, drafts included`() async throws {
    gateway.events.put(.sample(id: 1, status: .draft))
    let headers = HTTPFields(dictionaryLiteral: (.authorization, gateway.token(of: organiser, role: .organiser)))
    let own = try await gateway.send(.get, "/v1/events?mine=true", headers)
    #expect(own["items", "0", "status"] == .string("draft"))
    #expect(try await gateway.send(.get, "/v1/events?mine=true")["items"] == .array([]))
    #expect(try await gateway.send(.get, "/v1/events?mine=true", isSigned: false).status == 401)
    #expect(try await gateway.send(.get, "/v1/events?mine=maybe").pointers == ["mine"])
  }

  @Test func `an event that the client has is a 304`() async throws {
    let answer = try await gateway.send(.get, event, isSigned: false)
    let tag = try #require(answer.headers[.eTag])
    let again = try await gateway.send(.get, event, [.ifNoneMatch: "\"x\", W/\(tag)"], isSigned: false)
    #expect(again.status == 304)
    #expect(again.bytes.isEmpty)
    #expect(again.headers[.eTag] == tag)
  }

  @Test func `what is left comes from the view, and never from the database`() async throws {
    let path = "\(event)/availability"
    let counts = [Availability.Counts(held: 470, sold: 0), Availability.Counts(held: 8, sold: 10)]
    gateway.view.set { $0.availability = Availability(version: 3, sections: counts) }
    let viewed = try await gateway.send(.get, path, isSigned: false)
    #expect(viewed.status == 200)
    #expect(viewed.headers[.eTag] == "\"3\"")
    #expect(viewed["sections", "0", "available"] == .integer(30))
    #expect(viewed["sections", "0", "level"] == .string("few"))
    #expect(viewed["sections", "1", "available"] == .integer(0))
    #expect(viewed["sections", "1", "level"] == .string("none"))
    #expect(try await gateway.send(.get, path, [.ifNoneMatch: "\"3\""]).status == 304)

    gateway.view.set { $0.availability = nil }
    let unknown = try await gateway.send(.get, path)
    #expect(unknown.status == 503 && unknown.code == "unavailable" && unknown.headers[.retryAfter] != nil)
    gateway.view.set { $0.isAway = true }
    #expect(try await gateway.send(.get, path).code == "unavailable")
  }

  @Test(arguments: [(0, "available"), (50, "available"), (51, "few"), (99, "few"), (100, "none")])
  func `fewer than a tenth of a section are few`(held: Int, level: String) async throws {
    let untouched = Availability.Counts(held: 0, sold: 0)
    gateway.view.set {
      $0.availability = Availability(version: 1, sections: [Availability.Counts(held: held, sold: 400), untouched])
    }
    let answer = try await gateway.send(.get, "\(event)/availability", isSigned: false)
    #expect(answer["sections", "0", "level"] == .string(level))
    #expect(answer["sections", "1", "level"] == .string("available"))
  }

  @Test func `a section's seats are shown row by row`() async throws {
    gateway.view.set { $0.seats = ViewedSeats(version: 2, letters: Array("aaahhaaaasaaaaaaas".utf8)) }
    let answer = try await gateway.send(.get, "\(event)/seats?section=block-a", isSigned: false)
    #expect(answer["rows", "0", "seats"] == .string("aaahhaaaas"))
    #expect(answer["rows", "0", "aisles_after"] == .array([.integer(5)]))
    #expect(answer["rows", "1", "seats"] == .string("aaaaaaas"))
    #expect(answer["rows", "1", "aisles_after"] == nil)
    for (query, status) in [("", 422), ("?section=", 422), ("?section=FLOOR", 422), ("?section=floor", 422), ("?section=x", 404)]
    {
      #expect(try await gateway.send(.get, "\(event)/seats\(query)").status == status, "\(query)")
    }
  }
}
