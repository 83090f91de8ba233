import TestSupport
import Testing
import TicketHubTestSupport

/// On gateways of their own, beside those that every test may ask.
@Suite struct `A gateway that is told to end` {
  @Test func `it answers the polls that it holds, and ends at once`() async throws {
    let hub = try await TicketHub.shared()
    let port = try await reservePorts()
    let process = try TicketHubProcess(
      ["gateway"], environment: hub.environment.merging(["TICKETHUB_PORT": "\(port)"]) { $1 },
      log: "\(Checkout.state)/gateway-\(port).log")
    let gateway = Gateway(port: port)
    try await eventually("a ready gateway") { try await gateway.get("/readyz").status == 200 }
    let customer = Customer(token: hub.token(), gateway: gateway)
    let reservation = try await customer.reserve(.tickets(1), of: hub.event())
    let tag = try #require(try await gateway.get(reservation.path, as: customer.token)["ETag"])

    // Nobody changes the reservation that the client has already.
    let connection = try RawConnection(to: port)
    try connection.say(
      [
        "GET \(reservation.path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close", "Prefer: wait=30",
        "Authorization: Bearer \(customer.token)", "If-None-Match: \(tag)", "Expect: 100-continue", "\r\n",
      ].joined(separator: "\r\n"))
    // By the word that it may go on, the client learns that the poll is in the gateway's hands.
    #expect(connection.hear() > 0)
    async let end = process.terminate()
    let reply = try #require(Reply(try await connection.answer(to: "")))
    #expect(reply.status == 304, "\(reply)")
    #expect(await end.status == 0)
    #expect(await end.time < .seconds(10), "the poll would have been held for 30")
  }
}
