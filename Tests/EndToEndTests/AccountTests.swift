import Foundation
import TestSupport
import Testing
import TicketHubTestSupport

@Suite struct Accounts {
  private func newAccount(_ changes: [String: JSON] = [:]) -> JSON {
    let account: [String: JSON] = [
      "email": .string("\(UUID().uuidString)@example.com"), "password": "correct horse", "name": "Ann Example",
    ]
    return .object(account.merging(changes) { $1 })
  }

  @Test func `a customer registers, signs in, is known to both gateways, and signs out of both`() async throws {
    let hub = try await TicketHub.shared()
    let email = "Ann.\(UUID().uuidString)@Example.com"
    let registered = try await hub.gateway.post("/v1/users", newAccount(["email": .string(email)]))
    #expect(registered.status == 201)
    let account = try registered.decoded(as: Account.self)
    #expect(account.email == email)
    #expect(account.role == "customer")

    let signedIn = try await hub.gateway.post(
      "/v1/sessions", ["email": .string(email.lowercased()), "password": "correct horse"])
    #expect(signedIn.status == 201)
    let session = try signedIn.decoded(as: Session.self)
    #expect(session.user.id == account.id)
    #expect(try moment(session.expires_at) > .now)
    for gateway in hub.gateways {
      #expect(try await gateway.get("/v1/me", as: session.token).decoded(as: Account.self).id == account.id)
    }

    #expect(try await hub.gateway.delete("/v1/sessions/current", as: session.token).status == 204)
    let start = ContinuousClock.now
    #expect(try await hub.gateways[0].get("/v1/me", as: session.token).problem == "unauthenticated")
    try await eventually("signed out at the other gateway") {
      try await hub.gateways[1].get("/v1/me", as: session.token).status == 401
    }
    #expect(ContinuousClock.now - start < .seconds(1))
    #expect(try await hub.gateway.delete("/v1/sessions/current", as: session.token).status == 401)
  }

  @Test func `one email is one account, in whatever case it is written`() async throws {
    let gateway = try await TicketHub.shared().gateway
    let email = "\(UUID().uuidString)@example.com"
    #expect(try await gateway.post("/v1/users", newAccount(["email": .string(email.uppercased())])).status == 201)
    let again = try await gateway.post("/v1/users", newAccount(["email": .string(email.lowercased())]))
    #expect(again.status == 409)
    #expect(again.problem == "email_taken")
  }

  @Test func `an unknown email and a wrong password are told nothing apart`() async throws {
    let gateway = try await TicketHub.shared().gateway
    let email = "\(UUID().uuidString)@example.com"
    _ = try await gateway.post("/v1/users", newAccount(["email": .string(email)]))
    let wrong = try await gateway.post("/v1/sessions", ["email": .string(email), "password": "a wrong one"])
    let unknown = try await gateway.post("/v1/sessions", ["email": "nobody@example.com", "password": "a wrong one"])
    #expect(wrong.status == 401)
    #expect(wrong.problem == "invalid_credentials")
    #expect(unknown.status == 401)
    #expect(unknown.body == wrong.body)
  }

  @Test(
    arguments: [
      ("email", "nobody"), ("email", nil), ("email", "a\u{0}@example.com"), ("password", "too short"),
      ("password", .string(String(repeating: "x", count: 129))), ("name", ""), ("name", 5), ("role", "operator"),
    ] as [(String, JSON)]) func `a bad member of an account is pointed at`(_ member: String, _ value: JSON) async throws
  {
    let reply = try await TicketHub.shared().gateway.post("/v1/users", newAccount([member: value]))
    #expect(reply.status == 422)
    #expect(reply.problem == "validation_failed")
    #expect(try reply.decoded(as: Problem.self).errors?.map(\.pointer) == ["/\(member)"])
  }

  @Test(arguments: ["", "{", "{} {}", #"{"a": 1, "a": 2}"#, "[\(String(repeating: "[", count: 10_000))", #"{"name": "\ud800"}"#])
  func `what is no JSON is refused`(_ text: String) async throws {
    let reply = try await TicketHub.shared().gateway.post("/v1/users", text: text)
    #expect(reply.status == 400)
    #expect(reply.problem == "malformed_json")
  }

  @Test func `a body of another type is refused`() async throws {
    let reply = try await TicketHub.shared().gateway.post(
      "/v1/users", text: newAccount().text, ["Content-Type": "text/plain"])
    #expect(reply.status == 415)
    #expect(reply.problem == "unsupported_media_type")
  }

  @Test func `a token that is missing, forged, changed or too old is refused`() async throws {
    let hub = try await TicketHub.shared()
    let token = hub.token()
    for bad in [nil, "x", "th1.AAAA.AAAA", String(token.dropLast()), hub.token(expiresIn: -1)] {
      let reply = try await hub.gateway.get("/v1/reservations", as: bad)
      #expect(reply.status == 401)
      #expect(reply.problem == "unauthenticated")
      #expect(reply["WWW-Authenticate"] == "Bearer")
    }
    #expect(try await hub.gateway.get("/v1/events", as: "x").status == 401, "a token that is sent must be valid")
    #expect(try await hub.gateway.get("/v1/reservations", as: token).status == 200)
  }
}
