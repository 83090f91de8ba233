/// The live reservations: found by id and by customer, and in order of expiry. Records are small and lie side by side; a
/// reservation's seats are a chain through one array that has an entry per seat.
struct ReservationTable: Sendable {
  struct Record {
    let id: ReservationID
    let customer: CustomerID
    let sequence: Int64
    var expiresAt: Timestamp
    var version: Int64
    var extensionsUsed: Int32
    let quantity: Int32
    /// Of general admission, or -1 if it has seats.
    let section: Int32
    /// The first of its seats, or -1 if it has places.
    let firstSeat: SeatIndex
    /// The customer's reservation that was made before this one, or -1.
    var nextOfCustomer: Slot
    var heapPosition: Int32
  }

  private(set) var records: [Record] = []
  private var emptySlots: [Slot] = []
  private var slotsByID = SlotIndex()
  /// Leads to the customer's newest reservation.
  private var slotsByCustomer = SlotIndex()
  /// By seat: the next seat of the same reservation, or -1.
  private var nextSeats: [SeatIndex]
  private(set) var expiries = ExpiryHeap()

  init(seatCount: Int) {
    nextSeats = Array(repeating: -1, count: seatCount)
  }

  var count: Int { records.count - emptySlots.count }

  func slot(of id: ReservationID) -> Slot? {
    slotsByID.slot(hash: SlotIndex.hash(id)) { records[Int($0)].id == id }
  }

  subscript(slot: Slot) -> Record { records[Int(slot)] }

  func reservation(at slot: Slot) -> LiveReservation {
    let record = self[slot]
    return LiveReservation(
      id: record.id, sequence: record.sequence, customer: record.customer, allocation: allocation(of: record),
      expiresAt: record.expiresAt, extensionsUsed: Int(record.extensionsUsed), version: record.version)
  }

  /// How many tickets the customer has over all live reservations.
  func tickets(of customer: CustomerID) -> Int {
    var tickets = 0
    var next = newestSlot(of: customer)
    while let slot = next {
      tickets += Int(self[slot].quantity)
      next = self[slot].nextOfCustomer < 0 ? nil : self[slot].nextOfCustomer
    }
    return tickets
  }

  /// The id must be new, its tickets nobody else's, its seats ascending.
  mutating func insert(_ reservation: LiveReservation) {
    let newest = newestSlot(of: reservation.customer)
    var section: Int32 = -1
    var firstSeat: SeatIndex = -1
    switch reservation.allocation {
    case .places(let place, _): section = Int32(place)
    case .seats(let seats):
      firstSeat = seats[0]
      for (seat, next) in zip(seats, seats.dropFirst()) { nextSeats[Int(seat)] = next }
      nextSeats[Int(seats[seats.count - 1])] = -1
    }
    let record = Record(
      id: reservation.id, customer: reservation.customer, sequence: reservation.sequence, expiresAt: reservation.expiresAt,
      version: reservation.version, extensionsUsed: Int32(clamping: reservation.extensionsUsed),
      quantity: Int32(reservation.allocation.quantity), section: section, firstSeat: firstSeat, nextOfCustomer: newest ?? -1,
      heapPosition: -1)
    let slot: Slot
    if let empty = emptySlots.popLast() {
      slot = empty
      records[Int(slot)] = record
    } else {
      slot = Slot(records.count)
      records.append(record)
    }
    slotsByID.insert(slot, hash: SlotIndex.hash(record.id))
    if let newest {
      slotsByCustomer.replace(newest, with: slot, hash: SlotIndex.hash(record.customer))
    } else {
      slotsByCustomer.insert(slot, hash: SlotIndex.hash(record.customer))
    }
    expiries.insert(slot, &records)
  }

  /// Returns what it had.
  mutating func remove(_ slot: Slot) -> Allocation {
    let record = self[slot]
    let allocation = allocation(of: record)
    slotsByID.remove(slot, hash: SlotIndex.hash(record.id))
    unlink(record, at: slot)
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

  private func newestSlot(of customer: CustomerID) -> Slot? {
    slotsByCustomer.slot(hash: SlotIndex.hash(customer)) { records[Int($0)].customer == customer }
  }

  private func allocation(of record: Record) -> Allocation {
    if record.section >= 0 { return .places(section: Int(record.section), quantity: Int(record.quantity)) }
    var seats: [SeatIndex] = []
    seats.reserveCapacity(Int(record.quantity))
    var seat = record.firstSeat
    while seat >= 0 {
      seats.append(seat)
      seat = nextSeats[Int(seat)]
    }
    return .seats(seats)
  }

  /// Takes the record out of its customer's chain.
  private mutating func unlink(_ record: Record, at slot: Slot) {
    let hash = SlotIndex.hash(record.customer)
    guard var newer = newestSlot(of: record.customer) else { return }
    if newer != slot {
      while records[Int(newer)].nextOfCustomer != slot { newer = records[Int(newer)].nextOfCustomer }
      records[Int(newer)].nextOfCustomer = record.nextOfCustomer
    } else if record.nextOfCustomer >= 0 {
      slotsByCustomer.replace(slot, with: record.nextOfCustomer, hash: hash)
    } else {
      slotsByCustomer.remove(slot, hash: hash)
    }
  }
}
