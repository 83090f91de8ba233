import HTTPTypes
import Pipeline
import ServiceLifecycle
import Testing
import Ticketing

@testable import Gateway

/// `Prefer: wait` while the reservation is queued. A poll that is never answered fails its test by the time limit.
@Suite(.timeLimit(.minutes(2)))
struct HeldPollTests {
  private let gateway = TestGateway()
  private let id = DerivedIdentity.reservation(of: EventID(0xE), by: customer, key: "key")

  /// What a poll is answered that began before this happened.
  private func answer(after happening: (ServiceGroup) async -> Void) async throws -> TestGateway.Answer {
    let gateway = gateway
    let id = id
    let queued = try await gateway.send(
      .post, "/v1/events/\(EventID(0xE))/reservations", [.idempotencyKey: "key"],
      body: #"{"selection":{"section":"floor","quantity":2}}"#)
    #expect(queued["status"] == .string("queued"))
    let (answers, answered) = AsyncStream.makeStream(of: TestGateway.Answer.self)
    // Runs until it waits.
    _ = Task.immediate {
      if let answer = try? await gateway.send(.get, "/v1/reservations/\(id)", [.prefer: "wait=30"]) { answered.yield(answer) }
      answered.finish()
    }
    let group = ServiceGroup(services: gateway.services, logger: .silent)
    let service = Task { try await group.run() }
    defer { service.cancel() }
    await happening(group)
    for await answer in answers { return answer }
    throw CancellationError()
  }

  @Test func `a poll is held until the reservation changes`() async throws {
    let gateway = gateway
    let id = id
    let answer = try await answer { _ in
      gateway.view.set { $0.reservations[id]?.status = .held }
      gateway.feed.tell([id.rawValue])
    }
    #expect(answer["status"] == .string("held"))
  }

  @Test func `a poll that is held is answered when the gateway is to stop`() async throws {
    let answer = try await answer { await $0.triggerGracefulShutdown() }
    #expect(answer["status"] == .string("queued"))
  }

  @Test func `a poll that comes after that is not held at all`() async throws {
    let group = ServiceGroup(services: gateway.services, logger: .silent)
    await group.triggerGracefulShutdown()
    try await group.run()
    let queued = try await gateway.send(
      .post, "/v1/events/\(EventID(0xE))/reservations", [.idempotencyKey: "key"],
      body: #"{"selection":{"section":"floor","quantity":2}}"#)
    #expect(queued["status"] == .string("queued"))
    let answer = try await gateway.send(.get, "/v1/reservations/\(id)", [.prefer: "wait=30"])
    #expect(answer["status"] == .string("queued"))
  }
}
