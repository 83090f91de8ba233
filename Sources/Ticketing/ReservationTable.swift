/// The live reservations: found by id and by customer, and in order of expiry. Records are small and lie side by side; a
/// reservation's seats are a chain through one array that has an entry per seat.
struct ReservationTable: Sendable {
  /// 64 bytes: the memory of an event that sells one ticket at a time is little else.
  struct Record {
    let id: ReservationID
    let customer: CustomerID
    let sequence: Int64
    var expiresAt: Timestamp
    var version: Int32
    /// In ``ExpiryHeap``.
    var heapPosition: Int32
    /// The first of its seats; in general admission, how many places it has.
    let firstSeatOrQuantity: Int32
    /// Of general admission, or -1 if it has seats.
    let section: Int16
    var extensionsUsed: Int16
  }

  private(set) var records = PiecewiseArray<Record>()
  private var emptySlots: [Slot] = []
  private var slotsByID = SlotIndex()
  private var slotsByCustomer = SlotIndex()
  /// By seat: the next seat of the same reservation, or -1.
  private var nextSeats: [SeatIndex]
  private(set) var expiries = ExpiryHeap()

  init(seatCount: Int) {
    nextSeats = Array(repeating: -1, count: seatCount)
  }

  var count: Int { records.count - emptySlots.count }

  func slot(of id: ReservationID) -> Slot? {
    slotsByID.firstSlot(hash: id.slotHash) { records[Int($0)].id == id }
  }

  subscript(slot: Slot) -> Record { records[Int(slot)] }

  func reservation(at slot: Slot) -> LiveReservation {
    let record = self[slot]
    return LiveReservation(
      id: record.id, sequence: record.sequence, customer: record.customer, allocation: allocation(of: record),
      expiresAt: record.expiresAt, extensionsUsed: Int(record.extensionsUsed), version: Int64(record.version))
  }

  /// How many tickets the customer has over all live reservations.
  func tickets(of customer: CustomerID) -> Int {
    var tickets = 0
    slotsByCustomer.forEachSlot(hash: customer.slotHash) { slot in
      if self[slot].customer == customer { tickets += quantity(of: self[slot]) }
    }
    return tickets
  }

  /// The id must be new, its tickets nobody else's, its seats ascending.
  mutating func insert(_ reservation: LiveReservation) {
    let section: Int16
    let firstSeatOrQuantity: Int32
    switch reservation.allocation {
    case .places(let place, let quantity): (section, firstSeatOrQuantity) = (Int16(place), Int32(quantity))
    case .seats(let seats):
      (section, firstSeatOrQuantity) = (-1, seats[0])
      for (seat, next) in zip(seats, seats.dropFirst()) { nextSeats[Int(seat)] = next }
      nextSeats[Int(seats[seats.count - 1])] = -1
    }
    let record = Record(
      id: reservation.id, customer: reservation.customer, sequence: reservation.sequence, expiresAt: reservation.expiresAt,
      version: Int32(clamping: reservation.version), heapPosition: -1, firstSeatOrQuantity: firstSeatOrQuantity,
      section: section, extensionsUsed: Int16(clamping: reservation.extensionsUsed))
    let slot: Slot
    if let empty = emptySlots.popLast() {
      slot = empty
      records[Int(slot)] = record
    } else {
      slot = Slot(records.count)
      records.append(record)
    }
    slotsByID.insert(slot, hash: record.id.slotHash) { records[Int($0)].id.slotHash }
    slotsByCustomer.insert(slot, hash: record.customer.slotHash) { records[Int($0)].customer.slotHash }
    expiries.insert(slot, &records)
  }

  /// Returns what it had.
  mutating func remove(_ slot: Slot) -> Allocation {
    let record = self[slot]
    let allocation = allocation(of: record)
    slotsByID.remove(slot, hash: record.id.slotHash) { records[Int($0)].id.slotHash }
    slotsByCustomer.remove(slot, hash: record.customer.slotHash) { records[Int($0)].customer.slotHash }
    expiries.remove(slot, &records)
    emptySlots.append(slot)
    return allocation
  }

  mutating func extend(_ slot: Slot, until expiresAt: Timestamp) {
    records[Int(slot)].expiresAt = expiresAt
    records[Int(slot)].extensionsUsed += 1
    records[Int(slot)].version += 1
    expiries.reorder(slot, &records)
  }

  private func quantity(of record: Record) -> Int {
    if record.section >= 0 { return Int(record.firstSeatOrQuantity) }
    var quantity = 0
    forEachSeat(of: record) { _ in quantity += 1 }
    return quantity
  }

  private func allocation(of record: Record) -> Allocation {
    if record.section >= 0 { return .places(section: Int(record.section), quantity: Int(record.firstSeatOrQuantity)) }
    var seats: [SeatIndex] = []
    forEachSeat(of: record) { seats.append($0) }
    return .seats(seats)
  }

  private func forEachSeat(of record: Record, _ body: (SeatIndex) -> Void) {
    var seat = record.firstSeatOrQuantity
    while seat >= 0 {
      body(seat)
      seat = nextSeats[Int(seat)]
    }
  }
}
