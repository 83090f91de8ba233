import Foundation
import Pipeline
import TestSupport
import Testing
import TicketHubTestSupport
import Ticketing

/// On TicketHubs of their own: the number of partitions is for all processes.
@Suite(.serialized) struct `The number of partitions` {
  @Test func `it is changed only where nothing runs and nothing waits, and the sale goes on in its order`() async throws {
    let hub = try await TicketHub()
    let event = try await eventThatMoves(hub)
    let customer = hub.customer()
    let isDead = try await outcome(of: ["psql", hub.postgres.url, "-c", Self.letter(about: event.id)]).isSuccess
    try #require(isDead)
    let first = try await customer.ask(.tickets(1), of: event).decoded(as: Reservation.self)

    #expect(try await partitions(hub).output == "16\n")
    #expect(try await partitions(hub, "16").output == "there are 16 partitions already\n")
    let running = try await partitions(hub, "5")
    #expect(running.status == 1 && running.errors.contains("tickethub gateway"))
    for index in hub.gateways.indices { _ = await hub.process(ofGateway: index)?.terminate() }
    let waiting = try await partitions(hub, "5")
    #expect(waiting.status == 1 && waiting.errors.contains("requests wait in tickethub.commands.p16.0;"))
    let worker = try await hub.startWorker()
    let working = try await partitions(hub, "5")
    #expect(working.status == 1 && working.errors.contains("tickethub worker"))
    try await eventually("all is decided") { try await decided(hub) }
    #expect(await worker.terminate().status == 0)

    let changed = try await partitions(hub, "5")
    try #require(changed.status == 0 && changed.output.hasPrefix("5 partitions, 16 before"), "\(changed)")
    #expect(changed.errors.contains("16 partitions notices it within 8 seconds"))
    #expect(try await partitions(hub).output == "5\n")
    // Whoever consumes the event's commands now must know that this one is set aside.
    let letters = try await outcome(of: ["psql", hub.postgres.url, "-Atc", "SELECT partition FROM dead_letters"]).output
    let moved = try partition(of: event.id, among: 5)
    #expect(letters == "\(moved)\n")
    for command in [["gateway"], ["worker"], ["migrate"], ["dead-letters", "list"], ["dead-letters", "replay", "--all"]] {
      let refused = try await tickethub(command, environment: hub.environment)
      #expect(refused.status == 1 && refused.errors.contains("TICKETHUB_PARTITIONS is 16, its default being 16"), "\(refused)")
      #expect(refused.errors.contains("the database knows 5"))
    }

    let five = ["TICKETHUB_PARTITIONS": "5"]
    for index in hub.gateways.indices { try hub.startGateway(index, five) }
    for index in hub.gateways.indices { try await hub.readyGateway(index) }
    try await hub.startWorker(five)
    #expect(try await customer.outcome(of: first).sequence == 1)
    #expect(try await customer.reserve(.tickets(1), of: event).sequence == 2)
    let verified = try await tickethub(["verify"], environment: hub.environment.merging(five) { $1 })
    #expect(verified.status == 0, "\(verified)")
  }

  @Test func `a process ends when the number is changed underneath it`() async throws {
    let hub = try await TicketHub()
    let worker = try await hub.startWorker()
    let gateway = try #require(hub.process(ofGateway: 0))
    #expect(try await outcome(of: ["psql", hub.postgres.url, "-c", "UPDATE settings SET value = '4'"]).isSuccess)
    try await eventually(within: .seconds(30), "the end of both") { !worker.isRunning && !gateway.isRunning }
    try await gateway.logged("the database knows 4")
    try await worker.logged("the database knows 4")
  }

  private func partitions(
    _ hub: TicketHub, _ count: String? = nil
  ) async throws -> (status: Int32, output: String, errors: String) {
    try await tickethub(["partitions"] + (count.map { [$0] } ?? []), environment: hub.environment)
  }

  /// An event of the first of 16 partitions, and not of the first of 5.
  private func eventThatMoves(_ hub: TicketHub) async throws -> TicketHubTestSupport.Event {
    while true {
      let event = try await hub.event()
      let (before, after) = (try partition(of: event.id, among: 16), try partition(of: event.id, among: 5))
      if before == 0 && after != 0 { return event }
    }
  }

  private func partition(of event: UUID, among count: Int) throws -> Int {
    let id = try #require(EventID(event.uuidString))
    return Partitioning(count: count).partition(of: id)
  }

  private static func letter(about event: UUID) -> String {
    """
    INSERT INTO dead_letters (partition, command_id, event_id, reason, attempts, payload)
    VALUES (0, gen_random_uuid(), '\(event)', 'no room for it', 3, '')
    """
  }

  private func decided(_ hub: TicketHub) async throws -> Bool {
    try await outcome(of: ["psql", hub.postgres.url, "-Atc", "SELECT count(*) FROM decisions"]).output == "1\n"
  }
}
