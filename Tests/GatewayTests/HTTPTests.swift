import HTTPTypes
import Pipeline
import Testing
import Ticketing

@testable import Gateway

/// What holds for every operation, and for what is none.
struct HTTPTests {
  private let gateway = TestGateway()

  private let event = "/v1/events/\(EventID(0xE))"
  private let reservation = #"{"selection":{"section":"floor","quantity":2}}"#

  @Test(arguments: [
    "/", "/v1", "/v2/events", "/v1/event", "/v1/events/\(EventID(0xE))/nothing", "/v1/reservations/a/b/c", "/V1/events",
    "/openapi.xml", "/livez/x", "/metrics",
  ])
  func `a path of no operation is a 404, by any method`(path: String) async throws {
    for method in [.get, .post, .delete, .options, .head] as [HTTPRequest.Method] {
      let answer = try await gateway.send(method, path)
      #expect(answer.status == 404, "\(method)")
      #expect(answer.type == "application/problem+json")
    }
  }

  @Test(
    arguments: [
      (.delete, "/v1/events", "GET, HEAD, POST"), (.get, "/v1/users", "POST"), (.put, "/v1/me", "GET, HEAD"),
      (.get, "/v1/sessions/current", "DELETE"), (.head, "/v1/sessions", "POST"), (.patch, "/livez", "GET, HEAD"),
      (.put, "/v1/events/\(EventID(0xE))/reservations", "POST"), (.options, "/v1/reservations", "GET, HEAD"),
      (.post, "/openapi.yaml", "GET, HEAD"), (.get, "/v1/reservations/\(EventID(1))/extensions", "POST"),
      (.init("PROPFIND")!, "/readyz", "GET, HEAD"),
    ] as [(HTTPRequest.Method, String, String)])
  func `a method that a path does not take is a 405 with those it takes`(
    method: HTTPRequest.Method, path: String, allowed: String
  ) async throws {
    let answer = try await gateway.send(method, path)
    #expect(answer.code == "method_not_allowed")
    #expect(answer.status == 405)
    #expect(answer.headers[.allow]?.split(separator: ", ").sorted().joined(separator: ", ") == allowed)
  }

  @Test(arguments: [
    "text/html", "image/*", "application/xml, text/plain", "application/json;q=0", "*/*;q=0.0", "application/jsonx", "json",
    "application/json;q=0, */*", "*/*, application/*;q=0", "*/*;q=1, application/json; charset=utf-8; q=0.000",
    "application/json;q=0, application/problem+json",
  ])
  func `who takes no JSON gets a 406`(accept: String) async throws {
    let answer = try await gateway.send(.get, event, [.accept: accept])
    #expect(answer.status == 406)
    #expect(answer.code == "not_acceptable")
  }

  @Test(arguments: [
    "*/*", "application/*", "application/json", "Application/JSON; charset=utf-8", "text/html, */*;q=0.1",
    "application/problem+json",
    "text/html;q=1,application/json;q=0.001", ";,;, */*", "text/html,\tapplication/json", "text/html\t;q=1,\t*/*\t;\tq=0.1 ",
    "*/*;q=0, application/json", "application/json;version=2;q=0, application/json;version=1",
    "application/problem+json;q=0, */*",
  ])
  func `who takes JSON among others gets it`(accept: String) async throws {
    #expect(try await gateway.send(.get, event, [.accept: accept]).status == 200)
  }

  @Test(arguments: ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", ";", "application/problem+json"])
  func `a body of another media type is a 415`(type: String) async throws {
    let answer = try await gateway.send(
      .post, "\(event)/reservations", [.contentType: type, .idempotencyKey: "k"], body: reservation)
    #expect(answer.status == 415)
    #expect(answer.code == "unsupported_media_type")
  }

  @Test(arguments: [
    "application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json;", "application/json\t;x",
  ])
  func `JSON is taken with any parameters`(type: String) async throws {
    let answer = try await gateway.send(
      .post, "\(event)/reservations", [.contentType: type, .idempotencyKey: "k"], body: reservation)
    #expect(answer.status == 202)
  }

  @Test(arguments: ["", "{", "{]", "{\"selection\":1,}", "nul", "{\"a\":1,\"a\":2}", "\u{FEFF}{}"])
  func `a body that is no JSON is a 400`(body: String) async throws {
    let answer = try await gateway.send(.post, "\(event)/reservations", [.idempotencyKey: "k"], body: body)
    #expect(answer.status == 400)
    #expect(answer.code == "malformed_json")
  }

  @Test func `an unknown field is a 422 with its pointer`() async throws {
    let answer = try await gateway.send(
      .post, "\(event)/reservations", [.idempotencyKey: "k"],
      body: #"{"selection":{"section":"floor","quantity":2,"row":1},"gift":true}"#)
    #expect(answer.status == 422)
    #expect(answer.code == "validation_failed")
    #expect(Set(answer.pointers) == ["/selection/row", "/gift"])
  }

  @Test(arguments: ["x", "0", "0e", "00000000-0000-0000-0000-00000000000g", "%00", "00000000000000000000000000000000"])
  func `an id that is no UUID is a 400`(id: String) async throws {
    for path in ["/v1/events/\(id)", "/v1/events/\(id)/availability", "/v1/reservations/\(id)"] {
      let answer = try await gateway.send(.get, path)
      #expect(answer.status == 400)
      #expect(answer.code == "validation_failed")
    }
  }

  @Test(arguments: [
    "/livez", "/readyz", "/v1/events", "/v1/events/\(EventID(0xE))", "/v1/reservations", "/openapi.json", "/openapi.yaml",
  ])
  func `what can be read by GET can be asked about by HEAD`(path: String) async throws {
    gateway.events.put(.sample())
    let get = try await gateway.send(.get, path)
    let head = try await gateway.send(.head, path)
    #expect(get.status == 200)
    #expect(head.status == 200)
    #expect(head.headers[.contentType] == get.headers[.contentType])
    #expect(head.headers[.eTag] == get.headers[.eTag])
  }

  @Test func `the contract is served as it is, to whoever wants it`() async throws {
    let yaml = try await gateway.send(.get, "/openapi.yaml", [.accept: "text/html"], isSigned: false)
    #expect(yaml.status == 200)
    #expect(yaml.type == "application/yaml")
    #expect(yaml.text.hasPrefix("openapi: 3.1.0"))
    let json = try await gateway.send(.get, "/openapi.json", isSigned: false)
    #expect(json.type == "application/json")
    #expect(json.text.contains(#""openapi": "3.1.0""#))
  }

  // MARK: Who asks

  @Test func `without a valid token a 401 tells how to send one`() async throws {
    let headers: [HTTPFields] = [
      [:], [.authorization: ""], [.authorization: "Bearer"], [.authorization: "Bearer "], [.authorization: "Bearer x"],
      [.authorization: "Basic YTpi"], [.authorization: String(gateway.token().dropFirst(7))],
      [.authorization: gateway.token() + "x"], [.authorization: gateway.token(lifetime: 0)],
      [.authorization: gateway.token(lifetime: -1)],
    ]
    for headers in headers {
      for path in ["/v1/me", "/v1/reservations", "/v1/reservations/\(ReservationID(1))"] {
        let answer = try await gateway.send(.get, path, headers, isSigned: false)
        #expect(answer.status == 401, "\(headers) \(path)")
        #expect(answer.code == "unauthenticated")
        #expect(answer.headers[.wwwAuthenticate] == "Bearer")
      }
    }
    #expect(
      try await gateway.send(.get, "/v1/reservations", [.authorization: "bearer" + gateway.token().dropFirst(6)]).status == 200)
  }

  @Test func `where signing in is optional, a token that is sent must be valid all the same`() async throws {
    #expect(try await gateway.send(.get, event, isSigned: false).status == 200)
    #expect(try await gateway.send(.get, event, [.authorization: "Bearer x"]).status == 401)
    #expect(try await gateway.send(.get, "/v1/events", [.authorization: "Bearer x"]).status == 401)
  }

  @Test func `a session is over once it was ended, and only that one`() async throws {
    let one = HTTPFields(dictionaryLiteral: (.authorization, gateway.token(session: 1)))
    let other = HTTPFields(dictionaryLiteral: (.authorization, gateway.token(session: 2)))
    #expect(try await gateway.send(.delete, "/v1/sessions/current", one).status == 204)
    #expect(gateway.accounts.revoked == [1])
    #expect(try await gateway.send(.get, "/v1/reservations", one).status == 401)
    #expect(try await gateway.send(.delete, "/v1/sessions/current", one).status == 401)
    #expect(try await gateway.send(.get, "/v1/reservations", other).status == 200)
  }

  @Test func `who registers can sign in, and is known by the token`() async throws {
    let new = #"{"email":"ada@example.org","password":"0123456789","name":"Ada"}"#
    let created = try await gateway.send(.post, "/v1/users", body: new, isSigned: false)
    #expect(created.status == 201)
    #expect(created["role"] == .string("customer"))
    #expect(created["password"] == nil)
    let again = try await gateway.send(.post, "/v1/users", body: new, isSigned: false)
    #expect(again.code == "email_taken")
    #expect(again.status == 409)

    let wrong = try await gateway.send(
      .post, "/v1/sessions", body: #"{"email":"ada@example.org","password":"wrong"}"#, isSigned: false)
    #expect(wrong.status == 401)
    #expect(wrong.code == "invalid_credentials")
    let session = try await gateway.send(
      .post, "/v1/sessions", body: #"{"email":"ADA@example.org","password":"0123456789"}"#, isSigned: false)
    #expect(session.status == 201)
    #expect(session.headers[.cacheControl] == "no-store")
    guard case .string(let token)? = session["token"] else {
      Issue.record("no token: \(session.text)")
      return
    }
    #expect(session["user"] == (try? JSONParser.parse(created.bytes)))
    let me = try await gateway.send(.get, "/v1/me", [.authorization: "Bearer \(token)"])
    #expect(me.bytes == created.bytes)
  }

  @Test func `a session whose user is gone is a 401`() async throws {
    let me = try await gateway.send(.get, "/v1/me")
    #expect(me.status == 401 && me.code == "unauthenticated")
  }

  // MARK: Health

  @Test func `the process lives, whatever else does not`() async throws {
    gateway.publisher.obstruct("away")
    #expect(try await gateway.send(.get, "/livez", isSigned: false).text == #"{"status":"ok","checks":{}}"#)
  }

  @Test func `without the broker it is not ready; without the view or the database it is`() async throws {
    let ok = try await gateway.send(.get, "/readyz", isSigned: false)
    #expect(ok.status == 200)
    #expect(ok["status"] == .string("ok"))
    gateway.view.set { $0.isAway = true }
    gateway.reservations.set { $0.isAway = true }
    let degraded = try await gateway.send(.get, "/readyz", isSigned: false)
    #expect(degraded.status == 200)
    #expect(degraded["status"] == .string("degraded"))
    #expect(degraded["checks", "redis"] == .string("does not answer"))
    #expect(degraded["checks", "postgresql"] == .string("does not answer"))
    #expect(degraded["checks", "rabbitmq"] == .string("ok"))
    gateway.publisher.obstruct("memory alarm")
    let failing = try await gateway.send(.get, "/readyz", isSigned: false)
    #expect(failing.status == 503)
    #expect(failing["status"] == .string("failing"))
    #expect(failing["checks", "rabbitmq"] == .string("memory alarm"))
    #expect(failing.headers[.retryAfter] == "1")
  }
}
