import Foundation
import TestSupport
import Testing
import TicketHubTestSupport

/// On a TicketHub of its own, whose Redis is emptied.
@Suite struct `A lost view` {
  @Test func `what waits in its queue when Redis is emptied is never said not to exist, and keeps its place`() async throws {
    let hub = try await TicketHub()
    try await hub.startWorker()
    let event = try await hub.event()
    let first = hub.customer()
    let early = try await first.reserve(.tickets(1), of: event)
    #expect(early.status == "held")
    try await eventually("what is queued is known") { try await self.status(of: "/v1/reservations/\(UUID())", at: hub) == 404 }

    // Its decisions wait for this transaction.
    async let lock = outcome(of: [
      "psql", hub.postgres.url, "-c",
      "BEGIN; SELECT FROM event_streams WHERE event_id = '\(event.id)' FOR UPDATE; SELECT pg_sleep(4); COMMIT",
    ])
    try await eventually("the lock") { try await self.count("pg_sleep", at: hub) > 0 }
    let customer = hub.customer()
    var waiting: [Reservation] = []
    for _ in 0..<3 { waiting.append(try await customer.ask(.tickets(1), of: event).decoded()) }
    let before = try #require(waiting.last?.queue?.position)
    let url = hub.redis.url.replacing("://:", with: "://default:")
    #expect(try await outcome(of: ["redis-cli", "--no-auth-warning", "-u", url, "FLUSHALL"]).output == "OK\n")
    #expect(try await listed(by: first) == [early.id], "the database still has it")

    let next = try await customer.ask(.tickets(1), of: event).decoded(as: Reservation.self)
    #expect(next.queue?.position == before + 1)
    var answers: Set<Int> = []
    while try await count("pg_sleep", at: hub) > 0 {
      for reservation in waiting { answers.insert(try await status(of: reservation.path, as: customer, at: hub)) }
      #expect(try await listed(by: first) == [early.id])
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(answers.isSubset(of: [503, 200]) && answers.contains(503))
    #expect(try await lock.isSuccess)
    for (index, reservation) in (waiting + [next]).enumerated() {
      try await eventually("its outcome") { try await self.status(of: reservation.path, as: customer, at: hub) == 200 }
      #expect(try await customer.outcome(of: reservation).sequence == index + 2)
    }
    try await eventually("what is queued is known again") {
      try await self.status(of: "/v1/reservations/\(UUID())", at: hub) == 404
    }
  }

  private func status(of path: String, as customer: Customer? = nil, at hub: TicketHub) async throws -> Int {
    try await hub.gateway.get(path, as: (customer ?? hub.customer()).token).status
  }

  private func listed(by customer: Customer) async throws -> [UUID] {
    try await customer.gateway.get("/v1/reservations", as: customer.token).decoded(as: Page<Reservation>.self).items.map(\.id)
  }

  private func count(_ words: String, at hub: TicketHub) async throws -> Int {
    let query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%\(words)%' AND pid <> pg_backend_pid()"
    let answer = try await outcome(of: ["psql", hub.postgres.url, "-Atc", query])
    return Int(answer.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
  }
}
