import Foundation
import TestSupport
import Testing
import TicketHubTestSupport

@Suite struct `Health and contract` {
  @Test(arguments: ["/livez", "/readyz"]) func `a gateway with all its servers is healthy`(_ path: String) async throws {
    let reply = try await TicketHub.shared().gateway.get(path)
    #expect(reply.status == 200)
    #expect(try reply.decoded(as: Health.self).status == "ok")
  }

  @Test func `readiness is shown for each server`() async throws {
    let gateway = try await TicketHub.shared().gateway
    // On a machine whose disk is busy, PostgreSQL may for a moment not answer in the time that a probe has, and that is then shown.
    try await eventually("all servers are ready") {
      try await gateway.get("/readyz").decoded(as: Health.self).checks == ["rabbitmq": "ok", "redis": "ok", "postgresql": "ok"]
    }
  }

  @Test func `the contract is served as JSON and as YAML`() async throws {
    let gateway = try await TicketHub.shared().gateway
    let json = try await gateway.get("/openapi.json")
    #expect(json["Content-Type"] == "application/json")
    guard case .object(let contract) = try json.json else { throw Unexpected("the contract is no object") }
    #expect(contract["openapi"] == "3.1.0")
    let yaml = try await gateway.get("/openapi.yaml")
    #expect(yaml["Content-Type"] == "application/yaml")
    #expect(String(decoding: yaml.body, as: UTF8.self).hasPrefix("openapi: 3.1.0\n"))
  }

  @Test(arguments: [
    ("GET", "/nowhere"), ("GET", "/v1/orders"), ("GET", "/v1/operations/pipeline"), ("GET", "/docs"),
    ("POST", "/v1/reservations/00000000-0000-4000-8000-000000000000/checkout"),
    ("GET", "/v1/reservations/00000000-0000-4000-8000-000000000000/updates"),
    ("GET", "/v1/events/00000000-0000-4000-8000-000000000000/sales"),
  ])
  func `what there is not is a problem`(_ method: String, _ path: String) async throws {
    let hub = try await TicketHub.shared()
    let reply = try await hub.gateway.send(method, path, as: hub.operatorToken())
    #expect(reply.status == 404)
    #expect(reply.problem == "not_found")
  }

  @Test(arguments: [
    ("DELETE", "/v1/events", "GET, HEAD, POST"), ("GET", "/v1/users", "POST"), ("PUT", "/v1/me", "GET, HEAD"),
    ("POST", "/livez", "GET, HEAD"), ("GET", "/v1/reservations/00000000-0000-4000-8000-000000000000/extensions", "POST"),
  ])
  func `another method is refused and the right ones are named`(_ method: String, _ path: String, _ allow: String) async throws {
    let reply = try await TicketHub.shared().gateway.send(method, path)
    #expect(reply.status == 405)
    #expect(reply.problem == "method_not_allowed")
    #expect(reply["Allow"] == allow)
  }

  @Test(arguments: ["/livez", "/openapi.json", "/v1/events"]) func `HEAD answers as GET, without a body`(_ path: String)
    async throws
  {
    let reply = try await TicketHub.shared().gateway.send("HEAD", path)
    #expect(reply.status == 200)
    #expect(reply["Content-Type"] == "application/json")
    #expect(reply.body.isEmpty)
  }

  @Test func `only JSON can be had`() async throws {
    let gateway = try await TicketHub.shared().gateway
    let html = try await gateway.get("/v1/events", ["Accept": "text/html"])
    #expect(html.status == 406)
    #expect(html.problem == "not_acceptable")
    let anything = try await gateway.get("/v1/events", ["Accept": "text/html, */*;q=0.1"])
    #expect(anything.status == 200)
  }

  @Test func `what is too large is refused by what it is`() async throws {
    let gateway = try await TicketHub.shared().gateway
    let body = try await gateway.send("POST", "/v1/users", ["Content-Type": "application/json", "Content-Length": "1048577"])
    #expect(body.status == 413)
    #expect(body.problem == "body_too_large")
    for length in [9_000, 60_000] {
      let uri = try await gateway.get("/v1/events?x=" + String(repeating: "x", count: length))
      #expect(uri.status == 414)
      #expect(uri.problem == "uri_too_long")
    }
    for length in [20_000, 200_000] {
      let header = try await gateway.get("/v1/events", ["X-Large": String(repeating: "x", count: length)])
      #expect(header.status == 431)
      #expect(header.problem == "headers_too_large")
    }
  }

  @Test func `a request that comes too slowly is given up`() async throws {
    let gateway = try await TicketHub.shared().gateway
    let answer = try await RawConnection(to: gateway.port).answer(to: "GET /v1/events HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    let reply = try #require(Reply(answer))
    #expect(reply.status == 408)
    #expect(reply.problem == "request_timeout")
    #expect(reply["Connection"] == "close")
  }

  @Test func `what is no HTTP is answered and closed`() async throws {
    let gateway = try await TicketHub.shared().gateway
    let reply = try #require(Reply(try await RawConnection(to: gateway.port).answer(to: "HELLO\r\n\r\n")))
    #expect(reply.status == 400)
    #expect(reply.problem == "validation_failed")
  }
}
