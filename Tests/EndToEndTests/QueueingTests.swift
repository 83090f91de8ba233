import Testing
import TicketHubTestSupport

@Suite struct Queueing {
  @Test func `requests are decided in the order in which they were taken`() async throws {
    let hub = try await TicketHub.shared()
    let event = try await hub.event()
    var asked: [(customer: Customer, reservation: Reservation)] = []
    for number in 0..<100 {
      let customer = hub.customer(at: number % 2)
      asked.append((customer, try await customer.ask(.tickets(1), of: event).decoded()))
    }
    var sequences: [Int?] = []
    for (customer, reservation) in asked { sequences.append(try await customer.outcome(of: reservation).sequence) }
    #expect(sequences == Array(1...100))
  }
}
