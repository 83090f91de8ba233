import Foundation
import TestSupport
import Testing
import TicketHubTestSupport

/// Commands that end the process of every worker that tries them.
@Suite(.serialized) struct `Poisonous commands` {
  private static let start = Task { try await TicketHub() }

  private func hub() async throws -> TicketHub { try await Self.start.value }

  /// Asks for tickets while no worker is there.
  private func ask(_ count: Int, of event: Event, at hub: TicketHub) async throws -> [(Customer, Reservation)] {
    var asked: [(Customer, Reservation)] = []
    for _ in 0..<count {
      let customer = hub.customer()
      asked.append((customer, try await customer.ask(.tickets(1), of: event).decoded()))
    }
    return asked
  }

  /// Starts one worker after the other, as a supervisor does, until one lives on with everything that it can do done.
  private func work(at hub: TicketHub, poison: String, until isDone: () async throws -> Bool) async throws -> (
    TicketHubProcess, Int
  ) {
    var deaths = 0
    while deaths < 10 {
      let worker = try await hub.startWorker(["TICKETHUB_TEST_POISON": poison])
      var isOver = false
      try await eventually("all is done, or the worker dead") {
        isOver = try await isDone()
        return isOver || !worker.isRunning
      }
      if isOver { return (worker, deaths) }
      deaths += 1
    }
    throw Unexpected("after \(deaths) workers it still is not done")
  }

  private func letters(at hub: TicketHub) async throws -> [DeadLetter] {
    try await hub.gateway.get("/v1/operations/dead-letters?limit=100", as: hub.operatorToken()).decoded(as: Page<DeadLetter>.self)
      .items
  }

  @Test(arguments: ["crash", "hang"]) func `one is set aside, its mates are answered, and an operator decides`(kind: String)
    async throws
  {
    let hub = try await hub()
    let event = try await hub.event()
    let asked = try await ask(6, of: event, at: hub)
    let (customer, culprit) = asked[2]
    let command = culprit.id.uuidString.lowercased()
    let (worker, deaths) = try await work(at: hub, poison: "\(kind):\(command)") {
      try await letters(at: hub).contains { $0.command_id == command }
    }
    print("\(kind): set aside after \(deaths) workers")
    #expect(deaths == 3)
    for (index, (mate, reservation)) in asked.enumerated() where index != 2 {
      #expect(try await mate.outcome(of: reservation).sequence == (index < 2 ? index + 1 : index))
    }
    let letter = try #require(try await letters(at: hub).first { $0.command_id == command })
    #expect(letter.attempts == 3 && letter.status == "dead" && letter.event_id == event.id.uuidString.lowercased())
    #expect(try await hub.gateway.get(culprit.path, as: customer.token).decoded(as: Reservation.self).status == "queued")

    let listed = try await tickethub(["dead-letters", "list"], environment: hub.environment)
    #expect(listed.status == 0 && listed.output.contains(letter.id.uuidString.lowercased()), "\(listed.output)")
    let shown = try await tickethub(["dead-letters", "show", letter.id.uuidString], environment: hub.environment)
    #expect(shown.output.contains("reserve \(command)") && shown.output.contains("attempts     3"), "\(shown.output)")
    if kind == "crash" {
      #expect(try await hub.gateway.delete("/v1/operations/dead-letters/\(letter.id)", as: hub.operatorToken()).status == 204)
      let rejected = try await customer.outcome(of: culprit)
      #expect(rejected.status == "rejected" && rejected.rejection?.code == "discarded")
      let again = try await hub.gateway.delete("/v1/operations/dead-letters/\(letter.id)", as: hub.operatorToken())
      #expect(again.status == 409 && again.problem == "conflict")
      _ = await worker.terminate()
    } else {
      // The next version can do it.
      _ = await worker.terminate()
      let mended = try await hub.startWorker()
      let replayed = try await tickethub(["dead-letters", "replay", letter.id.uuidString], environment: hub.environment)
      #expect(replayed.status == 0 && replayed.output.contains("replayed"), "\(replayed.errors)")
      #expect(try await customer.outcome(of: culprit).status == "held")
      let again = try await tickethub(["dead-letters", "discard", letter.id.uuidString], environment: hub.environment)
      #expect(again.status == 1 && again.errors.contains("replayed already"))
      _ = await mended.terminate()
    }
  }
}
