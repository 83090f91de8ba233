import Foundation
import TestSupport
import Testing
import TicketHubTestSupport

/// On a TicketHub whose workers come and go, so one test at a time.
@Suite(.serialized) struct `Workers coming and going` {
  private static let start = Task { try await TicketHub() }

  private func hub() async throws -> TicketHub { try await Self.start.value }

  @Test func `what is accepted without a worker waits for one, and shows its place`() async throws {
    let hub = try await hub()
    let event = try await hub.event()
    var asked: [(customer: Customer, reservation: Reservation)] = []
    for _ in 0..<5 {
      let customer = hub.customer()
      asked.append((customer, try await customer.ask(.tickets(1), of: event).decoded()))
    }
    let last = asked[4]
    let reply = try await hub.gateways[1].get(last.reservation.path, as: last.customer.token, ["Prefer": "wait=1"])
    let queued = try reply.decoded(as: Reservation.self)
    #expect(queued.status == "queued")
    #expect(queued.version == 0)
    #expect(queued.queue?.position == 4)
    #expect((reply["Retry-After"].flatMap { Int($0) } ?? 0) >= 1)

    let worker = try await hub.startWorker()
    for (index, each) in asked.enumerated() {
      #expect(try await each.customer.outcome(of: each.reservation).sequence == index + 1)
    }
    let end = await worker.terminate()
    #expect(end.status == 0)
    #expect(end.time < .seconds(5))
  }

  @Test func `a worker tells what it does`() async throws {
    let hub = try await hub()
    // Of the ports that the gateways have, the last is nobody's.
    let port = hub.gateways[0].port + 4
    let worker = try await hub.startWorker(["TICKETHUB_ADMIN_PORT": "\(port)"])
    let metrics = Gateway(port: port)
    // Decisions go on where the port is taken.
    let other = try await hub.startWorker(["TICKETHUB_ADMIN_PORT": "\(port)"])
    try await other.logged("no metrics are served")
    #expect(await other.terminate().status == 0)

    let event = try await hub.event()
    for _ in 0..<3 { _ = try await hub.customer().reserve(.tickets(1), of: event) }
    let reply = try await metrics.get("/metrics")
    #expect(reply.status == 200 && reply["Content-Type"]?.hasPrefix("text/plain; version=0.0.4") == true)
    let text = String(decoding: reply.body, as: UTF8.self)
    #expect(text.contains("tickethub_worker_decisions_total 3\n"), "\(text)")
    #expect(text.contains("tickethub_worker_partitions 16.0\n"), "\(text)")
    #expect(try await metrics.get("/livez").status == 200)
    #expect(await worker.terminate().status == 0)
  }

  @Test func `a worker tells that it is ready, however little it logs`() async throws {
    let hub = try await hub()
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: file) }
    let worker = try hub.launchWorker(["TICKETHUB_LOG_LEVEL": "critical", "TICKETHUB_READY_FILE": file])
    try await eventually(within: .seconds(60), "a ready worker") { FileManager.default.fileExists(atPath: file) }
    #expect(await worker.terminate().status == 0)
  }

  @Test func `a worker that is told to end hands over at once`() async throws {
    let hub = try await hub()
    let (leaving, staying) = (try await hub.startWorker(), try await hub.startWorker())
    let events = try await (0..<8).asyncMap { _ in try await hub.event() }
    async let end = leaving.terminate()
    for event in events { #expect(try await hub.customer().reserve(.tickets(1), of: event).status == "held") }
    #expect(await end.status == 0)
    #expect(await end.time < .seconds(5))
    for event in events { #expect(try await hub.customer().reserve(.tickets(1), of: event).sequence == 2) }
    _ = await staying.terminate()
  }

  @Test func `killing workers in the middle of a sale costs no request its one outcome`() async throws {
    let hub = try await hub()
    let workers = [try await hub.startWorker(), try await hub.startWorker()]
    let events = try await (0..<4).asyncMap { _ in try await hub.event(["max_tickets_per_customer": 8]) }
    let sale = Task { try await sell(events, requests: 600, at: hub) }
    try await someDecisions(on: events, at: hub)
    await workers[0].kill()
    try await someDecisions(on: events, at: hub)
    await workers[1].kill()
    let successors = [try await hub.startWorker(), try await hub.startWorker()]

    let outcomes = try await sale.value
    #expect(outcomes.count == 600)
    for event in events {
      let own = outcomes.filter { $0.event_id == event.id }
      #expect(own.compactMap(\.sequence).sorted() == Array(1...own.count))
      let tickets = own.flatMap { $0.tickets ?? [] }
      let seats = tickets.compactMap(\.seat)
      #expect(Set(seats).count == seats.count)
      let counts = try await hub.gateway.get("\(event.path)/availability").decoded(as: Availability.self).sections
      #expect(counts.map(\.held) == [tickets.count - seats.count, seats.count])
    }
    for worker in successors { _ = await worker.terminate() }
  }

  /// Has customers ask for tickets, each again with the same key until accepted, and waits for all that comes of it.
  private func sell(_ events: [Event], requests: Int, at hub: TicketHub) async throws -> [Reservation] {
    try await withThrowingTaskGroup(of: [Reservation].self) { group in
      for lane in 0..<12 {
        group.addTask {
          var asked: [(Customer, Reservation)] = []
          for number in stride(from: lane, to: requests, by: 12) {
            let (customer, key) = (hub.customer(at: number % 2), uniqueKey())
            let selection = JSON.tickets(1 + number % 2, in: number % 3 == 0 ? "stalls" : "floor")
            try await eventually("an accepted request") {
              let reply = try await customer.ask(selection, of: events[number % events.count], key: key)
              guard reply.status == 202 else { return false }
              asked.append((customer, try reply.decoded()))
              return true
            }
          }
          return try await asked.asyncMap { try await $0.0.outcome(of: $0.1) }
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
  }

  /// Waits until there were more than at first.
  private func someDecisions(on events: [Event], at hub: TicketHub) async throws {
    func decisions() async throws -> Int {
      try await events.asyncMap {
        try await hub.gateway.get("\($0.path)/availability").decoded(as: Availability.self).version
      }.reduce(0, +)
    }
    let before = try await decisions()
    try await eventually("some decisions") { try await decisions() >= before + 20 }
  }
}

extension Sequence {
  /// One after the other.
  fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
    var results: [Result] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
