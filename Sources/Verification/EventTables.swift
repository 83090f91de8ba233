import Pipeline
import Ticketing

/// Compares the tables that follow from the journal with an event's replayed state.
struct EventTables {
  let record: EventRecord
  let replay: EventReplay
  private var id: EventID { record.event.id }

  init(of record: EventRecord, _ replay: EventReplay) { (self.record, self.replay) = (record, replay) }

  func compare(_ streams: [StoredStream], _ findings: inout Findings) {
    guard let stream = streams.first else {
      return findings.differ(id, "event_streams", stored: "nothing", replayed: "version \(replay.state.version)")
    }
    findings.compare(id, "event_streams version", stream.version, replay.state.version)
    if stream.head != replay.heads.stored { findings.compare(id, "event_streams head", stream.head, replay.heads.computed) }
    findings.compare(id, "event_streams decided_at", stream.decidedAt, replay.lastDecidedAt)
    findings.compare(id, "event_streams next_expiry", stream.nextExpiry, replay.state.nextExpiry)
    if !stream.isInItsPartition {
      findings.differ(id, "event_streams partition_hash", stored: "another", replayed: "fnv1a of the event's id")
    }
  }

  func compare(_ counters: [StoredCounter], _ findings: inout Findings) {
    let expected = replay.state.counts
    for counter in counters {
      guard expected.indices.contains(counter.section) else {
        findings.differ(
          id, "section_counters section_index \(counter.section)", stored: "\(counter.held) held, \(counter.sold) sold",
          replayed: "no such section")
        continue
      }
      let name = "section_counters \(counter.section)"
      findings.compare(id, "\(name) capacity", counter.capacity, expected[counter.section].capacity)
      findings.compare(id, "\(name) held", counter.held, expected[counter.section].held)
      findings.compare(id, "\(name) sold", counter.sold, expected[counter.section].sold)
    }
    for section in expected.indices where !counters.contains(where: { $0.section == section }) {
      findings.differ(
        id, "section_counters section_index \(section)", stored: "nothing",
        replayed: "\(expected[section].held) held, \(expected[section].sold) sold")
    }
  }

  /// - Parameter rows: by seat.
  func compare(_ rows: [StoredAllocation], _ findings: inout Findings) {
    var expected = expectedAllocations()[...]
    for row in rows {
      while let missing = expected.first, missing.seat < row.seat {
        findings.differ(
          id, "seat_allocations seat_index \(missing.seat)", stored: "nothing", replayed: "sequence \(missing.sequence)")
        expected.removeFirst()
      }
      if let match = expected.first, match.seat == row.seat {
        findings.compare(id, "seat_allocations seat_index \(row.seat) sequence", row.sequence, match.sequence)
        expected.removeFirst()
      } else {
        findings.differ(id, "seat_allocations seat_index \(row.seat)", stored: "sequence \(row.sequence)", replayed: "nothing")
      }
    }
    for missing in expected {
      findings.differ(
        id, "seat_allocations seat_index \(missing.seat)", stored: "nothing", replayed: "sequence \(missing.sequence)")
    }
  }

  private func expectedAllocations() -> [StoredAllocation] {
    replay.state.reservations.flatMap { reservation -> [StoredAllocation] in
      guard case .seats(let seats) = reservation.allocation else { return [] }
      return seats.map { StoredAllocation(event: id, seat: $0, sequence: reservation.sequence) }
    }.sorted { $0.seat < $1.seat }
  }

  /// - Parameter expiresAt: of the reservation's last hold.
  func compare(_ row: StoredReservation, with record: ReservationRecord, expiresAt: Timestamp, _ findings: inout Findings) {
    let expected = StoredReservation(record, expiresAt: expiresAt)
    if row == expected { return }
    let name = "reservations \(row.sequence)"
    findings.compare(id, "\(name) reservation_id", row.id, expected.id)
    findings.compare(id, "\(name) customer_id", row.customer, expected.customer)
    findings.compare(id, "\(name) status", row.status, expected.status)
    findings.compare(id, "\(name) version", row.version, expected.version)
    findings.compare(id, "\(name) request", row.request, expected.request)
    findings.compare(id, "\(name) section_index", row.section, expected.section)
    findings.compare(id, "\(name) quantity", row.quantity, expected.quantity)
    findings.compare(id, "\(name) seats", row.seats, expected.seats)
    findings.compare(id, "\(name) expires_at", row.expiresAt, expected.expiresAt)
    findings.compare(id, "\(name) extensions_used", row.extensionsUsed, expected.extensionsUsed)
    findings.compare(id, "\(name) created_at", row.createdAt, expected.createdAt)
  }
}

extension StoredReservation {
  /// The row that a reservation should have.
  fileprivate init(_ record: ReservationRecord, expiresAt: Timestamp) {
    var request = ByteWriter(capacity: 32)
    request.write(record.request)
    var section: Int?
    var seats: [SeatIndex]?
    switch record.allocation {
    case .places(let index, _): section = index
    case .seats(let list): seats = list
    case nil: break
    }
    self.init(
      event: record.event, sequence: record.sequence, id: record.id, customer: record.customer,
      status: Int(record.status.rawValue), version: record.version, request: request.bytes, section: section,
      quantity: record.allocation?.quantity ?? 0, seats: seats,
      expiresAt: expiresAt, extensionsUsed: record.extensionsUsed, createdAt: record.createdAt)
  }
}
