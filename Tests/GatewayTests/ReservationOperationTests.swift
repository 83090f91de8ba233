import HTTPTypes
import NIOHTTP1
import Pipeline
import Telemetry
import Testing
import Ticketing

@testable import Gateway

struct ReservationOperationTests {
  private let gateway = TestGateway()
  private let path = "/v1/events/\(EventID(0xE))/reservations"
  private let body = #"{"selection":{"section":"floor","quantity":2}}"#
  private let request = Command.Request(customer: customer, selection: .best(section: 0, quantity: 2, adjacent: true))

  private func create(_ body: String? = nil, key: String = "key") async throws -> TestGateway.Answer {
    try await gateway.send(.post, path, [.idempotencyKey: key], body: body ?? self.body)
  }

  /// Puts a reservation into the view.
  private func put(
    _ status: ReservationRecord.Status, id: UInt128 = 1, request: Command.Request? = nil,
    allocation: Allocation = .places(section: 0, quantity: 2), extensionsUsed: Int = 0, rejection: Rejection? = nil
  ) -> String {
    let record = ReservationRecord(
      id: ReservationID(id), event: EventID(0xE), status: status, version: 1, request: request ?? self.request,
      createdAt: present,
      sequence: 1, allocation: rejection == nil ? allocation : nil,
      expiresAt: rejection == nil ? present.adding(seconds: 600) : nil, extensionsUsed: extensionsUsed, rejection: rejection)
    gateway.view.set { $0.reservations[record.id] = record }
    return "/v1/reservations/\(record.id)"
  }

  @Test func `a request is accepted once it is queued, and can be looked up`() async throws {
    let answer = try await create()
    let id = DerivedIdentity.reservation(of: EventID(0xE), by: customer, key: "key")
    #expect(answer.status == 202)
    #expect(answer["status"] == .string("queued"))
    #expect(answer["version"] == .integer(0))
    #expect(answer["id"] == .string(id.description))
    #expect(answer.headers[.location] == "/v1/reservations/\(id)")
    #expect(answer.headers[.retryAfter] == "1")
    #expect(gateway.publisher.messages.count == 1)
    let looked = try await gateway.send(.get, "/v1/reservations/\(id)")
    #expect(looked.status == 200)
    #expect(looked["id"] == answer["id"])
    #expect(looked.headers[.cacheControl] == "no-store")
    let list = try await gateway.send(.get, "/v1/reservations")
    #expect(list["items", "0", "id"] == answer["id"])
    #expect(list.headers[.cacheControl] == "no-store")
  }

  @Test func `the same key with the same meaning is the same reservation; with another it is refused`() async throws {
    let first = try await create()
    let again = try await create(#"{ "fallbacks": [], "selection": {"quantity": 2.0, "section": "floor", "adjacent": true} }"#)
    #expect(again.status == 202)
    #expect(again["id"] == first["id"])
    #expect(again.headers[.idempotentReplayed] == "true")
    let other = try await create(#"{"selection":{"section":"floor","quantity":3}}"#)
    #expect(other.status == 422)
    #expect(other.code == "idempotency_key_reused")
    #expect(try await create(key: "other")["id"] != first["id"])
  }

  @Test(arguments: [(PublishOutcome.refused, "overloaded"), (.unavailable, "unavailable"), (.unknown, "unavailable")])
  func `a request that is not surely queued is a 503 that says when to try again`(outcome: PublishOutcome, code: String)
    async throws
  {
    gateway.publisher.answer(outcome)
    let answer = try await create()
    #expect(answer.status == 503)
    #expect(answer.code == code)
    #expect(answer.headers[.retryAfter] != nil)
  }

  @Test(arguments: [(50_000, "41"), (100, "120"), (0, "1")] as [(Double, String)])
  func `who finds the line too long is told how long it takes, up to two minutes`(rate: Double, seconds: String) async throws {
    gateway.view.set { $0.lines[partition] = 2_025_000 }
    gateway.view.set { $0.progress[partition] = Progress(ordinal: 0, rate: rate) }
    let answer = try await create()
    #expect(answer.status == 503)
    #expect(answer.code == "overloaded")
    #expect(answer.headers[.retryAfter] == seconds)
    #expect(gateway.publisher.messages.isEmpty)
  }

  @Test func `among more than can be taken a request is refused before all else, and nothing is queued`() async throws {
    let answer = try #require(gateway.refuse(.post, path))
    #expect(answer.status == 503)
    #expect(answer.code == "overloaded")
    #expect(answer.headers[.retryAfter] == "7")
    #expect(gateway.publisher.messages.isEmpty)
    let metrics = gateway.metrics.text
    #expect(metrics.contains(#"tickethub_intake_commands_total{outcome="shed"} 1"#))
    #expect(metrics.contains(#"status="503"} 1"#))
  }

  @Test(
    arguments: [
      (.get, "/v1/reservations/1"), (.get, "/v1/events"), (.delete, "/v1/reservations/1"),
      (.post, "/v1/reservations/1/extensions"),
      (.get, "/v1/events/1/reservations"), (.post, "/nowhere"),
    ] as [(HTTPRequest.Method, String)])
  func `polls and whatever else is asked are taken all the same`(method: HTTPRequest.Method, path: String) {
    #expect(gateway.refuse(method, path) == nil)
  }

  @Test(arguments: [(Event.Status.paused, 409, "sales_paused"), (.cancelled, 409, "not_on_sale"), (.draft, 404, "not_found")])
  func `what the gateway can know is refused at once`(status: Event.Status, http: Int, code: String) async throws {
    gateway.catalogue.put(.sample(status: status))
    let answer = try await create()
    #expect(answer.status == http)
    #expect(answer.code == code)
    #expect(gateway.publisher.messages.isEmpty)
  }

  @Test func `a sale that is not open yet says when it will be, and one that is over does not`() async throws {
    var record = EventRecord.sample()
    record.event.salesOpenAt = present.adding(seconds: 90)
    gateway.catalogue.put(record)
    let early = try await create()
    #expect(early.code == "not_on_sale")
    #expect(early.headers[.retryAfter] == "91")

    let gateway = TestGateway()
    record.event.salesOpenAt = present.adding(seconds: -10)
    record.event.salesCloseAt = present
    gateway.catalogue.put(record)
    let late = try await gateway.send(.post, path, [.idempotencyKey: "key"], body: body)
    #expect(late.code == "not_on_sale")
    #expect(late.headers[.retryAfter] == nil)
  }

  @Test func `an event that does not exist has no reservations`() async throws {
    let answer = try await gateway.send(.post, "/v1/events/\(EventID(0xF))/reservations", [.idempotencyKey: "k"], body: body)
    #expect(answer.status == 404)
  }

  @Test func `a place in line and the wait are told while it is queued`() async throws {
    gateway.view.set { $0.lines[partition] = 111 }
    gateway.view.set { $0.progress[partition] = Progress(ordinal: 11, rate: 20) }
    let answer = try await create()
    #expect(answer["queue", "position"] == .integer(100))
    #expect(answer["queue", "estimated_wait_seconds"] == .integer(5))
    #expect(answer.headers[.retryAfter] == "5")
  }

  @Test func `another customer's reservation is a 404`() async throws {
    let path = put(.held)
    let other = HTTPFields(dictionaryLiteral: (.authorization, gateway.token(of: CustomerID(5))))
    #expect(try await gateway.send(.get, path).status == 200)
    #expect(try await gateway.send(.get, path, other).status == 404)
    #expect(try await gateway.send(.delete, path, other).status == 404)
    #expect(try await gateway.send(.get, "/v1/reservations", other)["items"] == .array([]))
  }

  @Test func `a hold shows its tickets, what they cost and how long they are held`() async throws {
    let held = try await gateway.send(.get, put(.held))
    #expect(held["tickets", "1", "section"] == .string("floor"))
    #expect(held["total", "amount"] == .integer(6400))
    #expect(held["expires_at"] == .string(present.adding(seconds: 600).rfc3339))
    #expect(held["extensions_left"] == .integer(1))
    #expect(held.headers[.retryAfter] == nil)
    let expired = try await gateway.send(.get, put(.expired))
    #expect(expired["tickets"] == nil)
    #expect(expired["expires_at"] == nil)
  }

  @Test func `a hold of seats shows each by its name, and what they cost together`() async throws {
    let held = try await gateway.send(.get, put(.held, allocation: .seats([0, 10])))
    #expect(held["tickets", "0", "seat"] == .string("block-a-A-1"))
    #expect(held["tickets", "1", "seat"] == .string("block-a-B-1"))
    #expect(held["total", "amount"] == .integer(6400))
  }

  @Test(arguments: [(true, nil), (false, .bool(false))] as [(Bool, JSONValue?)])
  func `seats that need not be adjacent are shown as such`(adjacent: Bool, shown: JSONValue?) async throws {
    let request = Command.Request(customer: customer, selection: .best(section: 1, quantity: 2, adjacent: adjacent))
    #expect(try await gateway.send(.get, put(.held, request: request))["selection", "adjacent"] == shown)
  }

  @Test func `a refusal shows why`() async throws {
    let answer = try await gateway.send(
      .get, put(.rejected, rejection: .soldOut(section: 0, requested: 2, available: 1)))
    #expect(answer["rejection", "code"] == .string("sold_out"))
    #expect(answer["rejection", "message"] == .string("Only 1 ticket is left in Floor; you asked for 2."))
  }

  /// The gateway lets no such request through; but a worker rejects it, and then it is there to be shown.
  @Test func `a request for what the event does not have is shown as far as it has a name`() async throws {
    let section = Command.Request(customer: customer, selection: .best(section: 7, quantity: 1, adjacent: true))
    let answer = try await gateway.send(.get, put(.rejected, request: section, rejection: .unknownSection))
    #expect(answer["rejection", "code"] == .string("unknown_section"))
    #expect(answer["selection", "quantity"] == .integer(1))
    let seats = Command.Request(customer: customer, selection: .seats([-1, 3, 18]))
    let other = try await gateway.send(.get, put(.rejected, request: seats, rejection: .unknownSeat))
    #expect(other["selection", "seats"] == .array([.string("block-a-A-4")]))
  }

  @Test func `what the client has is a 304, whatever the server's clock says`() async throws {
    let path = put(.held)
    let tag = try #require(try await gateway.send(.get, path).headers[.eTag])
    #expect(try await gateway.send(.get, path, [.ifNoneMatch: tag]).status == 304)
    _ = put(.expired, id: 2)
    #expect(try await gateway.send(.get, path, [.ifNoneMatch: "W/\"0\""]).status == 200)
  }

  @Test func `a place in line that has moved is not what the client has`() async throws {
    gateway.view.set { $0.lines[partition] = 111 }
    let path = try #require(try await create().headers[.location])
    let tag = try #require(try await gateway.send(.get, path).headers[.eTag])
    #expect(try await gateway.send(.get, path, [.ifNoneMatch: tag]).status == 304)
    gateway.view.set { $0.progress[partition] = Progress(ordinal: 11, rate: 20) }
    let moved = try await gateway.send(.get, path, [.ifNoneMatch: tag])
    #expect(moved.status == 200)
    #expect(moved["queue", "position"] == .integer(100))
  }

  @Test(arguments: [true, false])
  func `a customer's list goes on page by page, newest first, with the view and without`(hasView: Bool) async throws {
    for id in 1...5 { _ = put(.held, id: UInt128(id)) }
    let records = gateway.view.get(\.reservations)
    gateway.reservations.set { $0.reservations = records }
    gateway.view.set { $0.isAway = !hasView }
    #expect(try await gateway.pages(of: "/v1/reservations?limit=2") == [[5, 4], [3, 2], [1]])
  }

  @Test(arguments: [true, false])
  func `a customer's list is the database's where the view may lack some of it, or has none`(isComplete: Bool) async throws {
    for id in 1...3 { _ = put(.held, id: UInt128(id)) }
    let records = gateway.view.get(\.reservations)
    gateway.reservations.set { $0.reservations = records }
    gateway.view.set { state in
      state.isComplete = isComplete
      // The rest of it, and where that says nothing, none.
      state.reservations = isComplete ? [:] : records.filter { $0.key == ReservationID(2) }
    }
    #expect(try await gateway.pages(of: "/v1/reservations?limit=2") == [[3, 2], [1]])
    gateway.reservations.set { $0.isAway = true }
    #expect(try await gateway.send(.get, "/v1/reservations").status == 503)
  }

  @Test(arguments: ["wait=30", "wait=5, ;", "wait=60"])
  func `a request to wait is answered at once where there is nothing to wait for`(prefer: String) async throws {
    let answer = try await gateway.send(.get, put(.held), [.prefer: prefer])
    #expect(answer.status == 200)
    #expect(answer.headers[.preferenceApplied]?.hasPrefix("wait=") == true)
  }

  @Test func `nonsense for a preference is no preference`() async throws {
    let answer = try await gateway.send(.get, put(.held), [.prefer: ";"])
    #expect(answer.status == 200)
    #expect(answer.headers[.preferenceApplied] == nil)
  }

  @Test(arguments: [
    (ReservationRecord.Status.queued, 202), (.held, 202), (.released, 202), (.confirmed, 409), (.rejected, 409), (.expired, 409),
    (.paying, 409), (.refunded, 409),
  ])
  func `giving back depends on the state`(status: ReservationRecord.Status, http: Int) async throws {
    let path = put(status)
    let answer = try await gateway.send(.delete, path)
    #expect(answer.status == http)
    #expect(gateway.publisher.messages.count == (status == .queued || status == .held ? 1 : 0))
    if http == 202 { #expect(answer.headers[.location] == path) } else { #expect(answer.code == "conflict") }
  }

  @Test(arguments: [
    (ReservationRecord.Status.held, 0, 202), (.held, 1, 409), (.expired, 0, 409), (.confirmed, 0, 409), (.rejected, 0, 409),
  ])
  func `more time depends on the state and what is left`(status: ReservationRecord.Status, used: Int, http: Int) async throws {
    let path = put(status, extensionsUsed: used)
    let answer = try await gateway.send(.post, "\(path)/extensions", [.idempotencyKey: "more"])
    #expect(answer.status == http)
    #expect(gateway.publisher.messages.count == (http == 202 ? 1 : 0))
  }

  @Test func `giving back is the same command until the reservation has changed`() async throws {
    let path = put(.held)
    for _ in 0..<2 { #expect(try await gateway.send(.delete, path).status == 202) }
    // A release that is decided before its reservation comes to nothing, and must not stand for the next.
    gateway.view.set { $0.reservations[ReservationID(1)]?.version = 2 }
    #expect(try await gateway.send(.delete, path).status == 202)
    let ids = gateway.publisher.messages.flatMap(\.commands).map(\.command.id)
    #expect(ids.count == 3 && ids[0] == ids[1] && ids[1] != ids[2])
  }

  @Test func `an extension asked for again is accepted again, whatever it led to`() async throws {
    let path = put(.held)
    #expect(try await gateway.send(.post, "\(path)/extensions", [.idempotencyKey: "more"]).status == 202)
    _ = put(.held, extensionsUsed: 1)
    let again = try await gateway.send(.post, "\(path)/extensions", [.idempotencyKey: "more"])
    #expect(again.status == 202)
    #expect(again.headers[.idempotentReplayed] == "true")
    #expect(try await gateway.send(.post, "\(path)/extensions", [.idempotencyKey: "other"]).status == 409)
    #expect(try await gateway.send(.post, "\(path)/extensions").code == "idempotency_key_missing")
    let commands = gateway.publisher.messages.flatMap(\.commands).map(\.command.id)
    #expect(Set(commands).count == 1)
  }

  @Test func `a reservation that nobody knows is a 404, and a 503 where only the view could know that it is queued`() async throws
  {
    let path = "/v1/reservations/\(ReservationID(9))"
    #expect(try await gateway.send(.get, path).status == 404)
    gateway.view.set { $0.knowsWhatIsQueued = false }
    let emptied = try await gateway.send(.get, path)
    #expect(emptied.status == 503 && emptied.headers[.retryAfter] != nil)
    gateway.view.set { $0.isAway = true }
    #expect(try await gateway.send(.get, path).status == 503)
    gateway.reservations.set { $0.isAway = true }
    #expect(try await gateway.send(.get, path).status == 503)
    #expect(try await gateway.send(.get, "/v1/reservations").status == 503)
  }
}

private let partition = KnownEvent.sample.partition
