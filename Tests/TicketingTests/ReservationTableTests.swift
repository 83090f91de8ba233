import Testing

@testable import Ticketing

struct ReservationTableTests {
  @Test func `a record takes 64 bytes, so that a reservation of one ticket takes less than 100`() {
    #expect(MemoryLayout<ReservationTable.Record>.stride == 64)
  }

  @Test func `a customer's tickets are counted over all reservations, wherever they stand in the tables`() {
    var table = ReservationTable(seatCount: 200)
    for number in 1...200 {
      let seats = [number - 2, number - 1].map { SeatIndex($0) }
      table.insert(
        LiveReservation(
          id: ReservationID(UInt128(number)), sequence: Int64(number), customer: CustomerID(UInt128(number % 3)),
          allocation: number % 2 == 0 ? .seats(seats) : .places(section: 0, quantity: 5),
          expiresAt: opening))
    }
    for number in stride(from: 1, through: 200, by: 7) {
      if let slot = table.slot(of: ReservationID(UInt128(number))) { _ = table.remove(slot) }
    }
    for customer in 0..<3 {
      let left = (1...200).filter { $0 % 7 != 1 && $0 % 3 == customer }
      #expect(table.tickets(of: CustomerID(UInt128(customer))) == left.reduce(0) { $0 + ($1 % 2 == 0 ? 2 : 5) })
    }
  }
}
