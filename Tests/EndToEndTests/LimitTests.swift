import Testing
import TicketHubTestSupport

@Suite struct Limits {
  @Test func `a customer's limit counts all that is held, and no more`() async throws {
    let hub = try await TicketHub.shared()
    let (event, customer) = (try await hub.event(), hub.customer())
    let first = try await customer.reserve(.tickets(5), of: event)
    let refused = try await customer.reserve(.tickets(4), of: event)
    #expect(refused.status == "rejected")
    #expect(refused.rejection?.code == "limit_exceeded")
    #expect(refused.rejection?.message.isEmpty == false)
    #expect(try await customer.reserve(.tickets(3), of: event).status == "held")
    _ = try await customer.release(first)
    #expect(try await customer.reserve(.tickets(5), of: event).status == "held")
    #expect(try await hub.customer().reserve(.tickets(8), of: event).status == "held", "others have limits of their own")
  }

  @Test func `a section sells what it has and not one ticket more`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    let outcomes = try await withThrowingTaskGroup(of: Reservation.self) { group in
      for number in 0..<60 { group.addTask { try await hub.customer(at: number % 2).reserve(.tickets(3), of: event) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.count { $0.status == "held" } == 33)
    #expect(outcomes.count { $0.rejection?.code == "sold_out" } == 27)
    #expect(try await hub.customer().reserve(.tickets(1), of: event).status == "held")
    let floor = try await hub.gateway.get("\(event.path)/availability").decoded(as: Availability.self).sections[0]
    #expect((floor.available, floor.held, floor.level) == (0, 100, "none"))
  }
}
