import Pipeline
import Ticketing

/// Compares an event's view with its replayed history, also while the sale goes on: everything in the view has a version, so what has
/// moved since the tables were read is compared with what the journal says of that version.
struct ViewComparison {
  /// How many entries of a customer's list are looked through; of longer lists it is only asked whether they have what they should.
  private static let listLimit = 64
  /// How soon the view is looked at again that has not reached the journal yet.
  private static let lookInterval = Duration.milliseconds(50)

  private let view: any StoredView
  private let record: EventRecord
  private let now: Timestamp
  /// As it was at a version that is not before the snapshot's.
  private let head: ViewHead
  /// Records that are newer than the snapshot.
  private var moved: [ReservationID: ReservationRecord] = [:]

  /// Looks at the view until it is at the snapshot's version, or a later one, but no longer than there is patience; what is used of it
  /// is gone for the events to come. Nil, with a difference noted, if the view stays behind.
  init?(
    of record: EventRecord, at version: Int64, in view: any StoredView, now: Timestamp, patience: inout Duration,
    _ findings: inout Findings
  ) async throws(ViewUnavailable) {
    (self.view, self.record, self.now) = (view, record, now)
    var head = try await view.head(of: record.event)
    while head.version < version || !head.isSettled, patience > .zero, !Task.isCancelled {
      patience -= Self.lookInterval
      // Cancellation ends the sleep early, and then the loop.
      try? await Task.sleep(for: Self.lookInterval)
      head = try await view.head(of: record.event)
    }
    self.head = head
    if head.version < version {
      findings.differ(record.event.id, "view version", stored: "\(head.version)", replayed: "\(version)")
      return nil
    }
  }

  // MARK: Reservations

  /// Compares some reservations, as they were at the snapshot's version, with the view.
  mutating func compare(
    _ expected: [(record: ReservationRecord, changedAt: Timestamp)], patience: inout Duration, _ findings: inout Findings
  ) async throws(ViewUnavailable) {
    if expected.isEmpty { return }
    let found = try await view.records(expected.map(\.record.id))
    for ((record, changedAt), bytes) in zip(expected, found) {
      findings.viewed += 1
      if let bytes {
        if bytes != record.encoded { compare(bytes, with: record, &findings) }
      } else if !isForgotten(changedAt) {
        findings.differ(record.event, "view reservation \(record.id)", stored: "nothing", replayed: "\(record.status)")
      }
    }
    try await compareLists(expected.map(\.record).filter { !isForgotten($0.createdAt) }, patience: &patience, &findings)
  }

  /// Whether it was so long ago that the view may have let go of it.
  private func isForgotten(_ time: Timestamp) -> Bool {
    time.adding(seconds: Int(viewLifetimeSeconds) - EventReplay.clockTolerance) < now
  }

  private mutating func compare(_ bytes: [UInt8], with expected: ReservationRecord, _ findings: inout Findings) {
    do throws(CodingFailure) {
      let found = try ReservationRecord(decoding: bytes)
      if found.version > expected.version {
        moved[expected.id] = found
      } else {
        name(found, expected, &findings)
      }
    } catch {
      findings.differ(
        expected.event, "view reservation \(expected.id)", stored: error.description, replayed: "\(expected.status)")
    }
  }

  private func name(_ found: ReservationRecord, _ expected: ReservationRecord, _ findings: inout Findings) {
    let event = expected.event
    let name = "view reservation \(expected.id)"
    findings.compare(event, "\(name) id", found.id, expected.id)
    findings.compare(event, "\(name) event", found.event, expected.event)
    findings.compare(event, "\(name) status", found.status, expected.status)
    findings.compare(event, "\(name) version", found.version, expected.version)
    findings.compare(event, "\(name) request", found.request, expected.request)
    findings.compare(event, "\(name) created at", found.createdAt, expected.createdAt)
    findings.compare(event, "\(name) ordinal", found.ordinal, expected.ordinal)
    findings.compare(event, "\(name) sequence", found.sequence, expected.sequence)
    findings.compare(event, "\(name) allocation", found.allocation, expected.allocation)
    findings.compare(event, "\(name) expires at", found.expiresAt, expected.expiresAt)
    findings.compare(event, "\(name) extensions", found.extensionsUsed, expected.extensionsUsed)
    findings.compare(event, "\(name) rejection", found.rejection, expected.rejection)
  }

  // MARK: Lists

  private func compareLists(
    _ reservations: [ReservationRecord], patience: inout Duration, _ findings: inout Findings
  ) async throws(ViewUnavailable) {
    let customers = Array(Set(reservations.map(\.customer)))
    let lists = Dictionary(uniqueKeysWithValues: zip(customers, try await view.lists(of: customers, limit: Self.listLimit)))
    var missing = reservations.filter { !(lists[$0.customer] ?? []).contains($0.id) }
    while !missing.isEmpty {
      // Beyond the first entries; or just about to be listed, which comes after the record.
      let found = try await view.areListed(missing.map { (customer: $0.customer, mark: $0.pageMark) })
      missing = zip(missing, found).filter { !$0.1 }.map(\.0)
      if missing.isEmpty || patience <= .zero || Task.isCancelled { break }
      patience -= Self.lookInterval
      try? await Task.sleep(for: Self.lookInterval)
    }
    for reservation in missing {
      findings.differ(
        reservation.event, "view list of customer \(reservation.customer)", stored: "nothing", replayed: "\(reservation.id)")
    }
    let owners = Dictionary(reservations.map { ($0.id, $0.customer) }, uniquingKeysWith: { first, _ in first })
    try await compareStrangers(in: lists, owners, &findings)
  }

  /// What else is in the lists must be the customers' own.
  private func compareStrangers(
    in lists: [CustomerID: [ReservationID]], _ owners: [ReservationID: CustomerID], _ findings: inout Findings
  ) async throws(ViewUnavailable) {
    let others = lists.flatMap { customer, list in
      list.filter { owners[$0] != customer }.map { (customer: customer, id: $0) }
    }
    if others.isEmpty { return }
    for (other, bytes) in zip(others, try await view.records(others.map(\.id))) {
      guard let bytes, let found = try? ReservationRecord(decoding: bytes), found.customer != other.customer else { continue }
      findings.differ(
        record.event.id, "view list of customer \(other.customer)", stored: "\(other.id)",
        replayed: "nothing: it is customer \(found.customer)'s")
    }
  }

  // MARK: What has moved

  /// Tells the history on from the snapshot: to the version of the view's counts and seats, which are compared there, and to the present,
  /// which has the version of every record that was found to be newer.
  mutating func finish(
    _ replay: inout EventReplay, _ tables: any StoredTables, _ findings: inout Findings
  ) async throws(StoreUnavailable) {
    if replay.state.version == head.version { compareHead(with: replay.state, &findings) }
    while !replay.isBroken && (replay.state.version < head.version || !moved.isEmpty) {
      let rows = try await tables.newDecisions(of: record.event.id, after: replay.state.version)
      if rows.isEmpty { break }
      for row in rows where !replay.isBroken {
        if let sequence = replay.replay(row, &findings) { meet(row, sequence, replay, &findings) }
        if replay.state.version == head.version { compareHead(with: replay.state, &findings) }
      }
    }
    if replay.isBroken { return }
    if replay.state.version < head.version {
      findings.differ(record.event.id, "view version", stored: "\(head.version)", replayed: "\(replay.state.version)")
    }
    for found in moved.values {
      findings.differ(
        record.event.id, "view reservation \(found.id) version", stored: "\(found.version), \(found.status)",
        replayed: "no such version")
    }
  }

  /// Compares a record that was found to be newer than the snapshot, if this decision made it what it was found to be.
  private mutating func meet(_ row: StoredDecision, _ sequence: Int64, _ replay: EventReplay, _ findings: inout Findings) {
    guard let found = moved[row.reservation], let course = replay.courses[Int(sequence) - 1],
      found.version == Int64(course.version)
    else { return }
    moved[row.reservation] = nil
    var expected = found
    expected.status = course.status
    expected.extensionsUsed = Int(course.extensionsUsed)
    expected.expiresAt = course.status == .held ? course.expiresAt : nil
    name(found, expected, &findings)
  }

  private func compareHead(with state: EventState, _ findings: inout Findings) {
    let event = record.event.id
    let expected = Availability(
      version: state.version, sections: state.counts.map { Availability.Counts(held: $0.held, sold: $0.sold) })
    if let bytes = head.availability {
      let found = try? Availability(decoding: bytes)
      if found != expected {
        findings.differ(event, "view availability", stored: found.map { "\($0)" } ?? shown(bytes), replayed: "\(expected)")
      }
    } else if state.version > 0 {
      findings.differ(event, "view availability", stored: "nothing", replayed: "\(expected)")
    }
    for section in record.event.sections.indices { compareSeats(of: section, with: state, &findings) }
    if let bytes = head.event, bytes != record.encoded { compareOffer(bytes, &findings) }
  }

  /// The event in the catalogue.
  private func compareOffer(_ bytes: [UInt8], _ findings: inout Findings) {
    let event = record.event.id
    guard let found = try? EventRecord(decoding: bytes) else {
      return findings.differ(event, "view event", stored: shown(bytes), replayed: "\(record)")
    }
    findings.compare(event, "view event name", found.name, record.name)
    findings.compare(event, "view event organiser", found.organiser, record.organiser)
    findings.compare(event, "view event venue", found.venue, record.venue)
    findings.compare(event, "view event description", found.description, record.description)
    findings.compare(event, "view event starts at", found.startsAt, record.startsAt)
    findings.compare(event, "view event created at", found.createdAt, record.createdAt)
    findings.compare(event, "view event terms", found.event, record.event)
  }

  private func compareSeats(of section: SectionIndex, with state: EventState, _ findings: inout Findings) {
    let expected = Array(state.seatMap(of: section))
    var found = (head.seats[section] ?? []).map { $0 == 0 ? SeatLetter.available : $0 }
    found += Array(repeating: SeatLetter.available, count: max(0, expected.count - found.count))
    if found == expected { return }
    findings.compare(record.event.id, "view seats of section \(section), their number", found.count, expected.count)
    let first = state.plan.seats(of: section).lowerBound
    for (index, (stored, replayed)) in zip(found, expected).enumerated() where stored != replayed {
      findings.differ(
        record.event.id, "view seat \(state.plan.name(of: first + SeatIndex(index)))",
        stored: String(UnicodeScalar(stored)), replayed: String(UnicodeScalar(replayed)))
    }
  }
}

extension ViewHead {
  /// Whether the counts and seats are those of the version: while the view catches up, they come last.
  fileprivate var isSettled: Bool {
    guard let availability else { return version == 0 }
    return (try? Availability(decoding: availability))?.version == version
  }
}
