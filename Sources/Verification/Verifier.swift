public import Pipeline
public import Ticketing

/// Replays the journal from the first decision of each event, and compares everything that follows from it: the tables, as of one
/// moment, and the view, which goes on meanwhile.
///
/// It keeps what one event needs and no more: the event's state and two dozen bytes for each of its decisions.
public struct Verifier {
  private let tables: any StoredTables
  private let view: (any StoredView)?
  private let now: Timestamp
  private let progress: (Findings) -> Void
  private var patience: Duration
  private var findings = Findings()

  private var events: TableReader<StoredEvent>
  private var sections: TableReader<StoredSection>
  private var seatRows: TableReader<StoredSeatRow>
  private var streams: TableReader<StoredStream>
  private var decisions: TableReader<StoredDecision>
  /// The same rows a second time: what became of a reservation is known only at the end of its event's history.
  private var outcomes: TableReader<StoredDecision>
  private var reservations: TableReader<StoredReservation>
  private var allocations: TableReader<StoredAllocation>
  private var counters: TableReader<StoredCounter>

  /// - Parameters:
  ///   - view: nil to compare the tables only.
  ///   - now: the database's clock.
  ///   - patience: how long to wait, in all, for a view that has not reached the journal.
  ///   - progress: told now and then what has been done so far.
  public init(
    _ tables: any StoredTables, view: (any StoredView)?, now: Timestamp, patience: Duration,
    progress: @escaping (Findings) -> Void = { _ in }
  ) {
    (self.tables, self.view, self.now, self.patience, self.progress) = (tables, view, now, patience, progress)
    events = TableReader { (row) async throws(StoreUnavailable) in try await tables.events(after: row) }
    sections = TableReader { (row) async throws(StoreUnavailable) in try await tables.sections(after: row) }
    seatRows = TableReader { (row) async throws(StoreUnavailable) in try await tables.seatRows(after: row) }
    streams = TableReader { (row) async throws(StoreUnavailable) in try await tables.streams(after: row) }
    decisions = TableReader { (row) async throws(StoreUnavailable) in try await tables.decisions(after: row) }
    outcomes = TableReader { (row) async throws(StoreUnavailable) in try await tables.decisions(after: row) }
    reservations = TableReader { (row) async throws(StoreUnavailable) in try await tables.reservations(after: row) }
    allocations = TableReader { (row) async throws(StoreUnavailable) in try await tables.allocations(after: row) }
    counters = TableReader { (row) async throws(StoreUnavailable) in try await tables.counters(after: row) }
  }

  /// - Throws: where the database gives no answer. That the view gives none is noted, and the tables are compared all the same.
  public mutating func run() async throws(StoreUnavailable) -> Findings {
    while let event = try await events.next() {
      try await findOrphans(before: event.event)
      try await verify(event)
      findings.events += 1
    }
    try await findOrphans(before: nil)
    progress(findings)
    return findings
  }

  /// Rows of events that do not exist.
  private mutating func findOrphans(before event: EventID?) async throws(StoreUnavailable) {
    while let row = try await sections.orphan(before: event) { orphan(row, "sections \(row.index)") }
    while let row = try await seatRows.orphan(before: event) { orphan(row, "seat_rows \(row.section) \(row.index)") }
    while let row = try await streams.orphan(before: event) { orphan(row, "event_streams") }
    while let row = try await decisions.orphan(before: event) { orphan(row, "decisions \(row.version)") }
    while try await outcomes.orphan(before: event) != nil {}
    while let row = try await reservations.orphan(before: event) { orphan(row, "reservations \(row.sequence)") }
    while let row = try await allocations.orphan(before: event) { orphan(row, "seat_allocations seat_index \(row.seat)") }
    while let row = try await counters.orphan(before: event) { orphan(row, "section_counters \(row.section)") }
  }

  private mutating func orphan(_ row: some StoredRow, _ what: String) {
    findings.differ(row.event, what, stored: "a row", replayed: "nothing: there is no such event")
  }

  private mutating func verify(_ event: StoredEvent) async throws(StoreUnavailable) {
    let id = event.event
    let terms = EventTerms(event: event, sections: try await sections.all(of: id), seatRows: try await seatRows.all(of: id))
    let stream = try await streams.all(of: id)
    let counts = try await counters.all(of: id)
    let seats = try await allocations.all(of: id)
    guard let record = terms.record(&findings) else { return try await skip(id) }
    var replay = EventReplay(of: record, now: now)
    while case let piece = try await decisions.piece(of: id), !piece.isEmpty {
      let reader = decisions
      async let ahead = reader.ahead()
      for row in piece { replay.replay(row, &findings) }
      progress(findings)
      decisions = try await ahead.get()
    }
    // What follows a decision that can't be replayed can't be compared with anything.
    if replay.isBroken { return try await skip(id) }
    let comparison = EventTables(of: record, replay)
    comparison.compare(stream, &findings)
    comparison.compare(counts, &findings)
    comparison.compare(seats, &findings)
    var viewComparison = await lookAtView(of: record, at: replay.state.version)
    try await verifyReservations(comparison, &viewComparison)
    try await viewComparison?.finish(&replay, tables, &findings)
  }

  /// Compares the reservations, one piece of the journal after the other, with their rows and with the view.
  private mutating func verifyReservations(
    _ comparison: EventTables, _ viewComparison: inout ViewComparison?
  ) async throws(StoreUnavailable) {
    let id = comparison.record.event.id
    while case let piece = try await outcomes.piece(of: id), !piece.isEmpty {
      let reader = outcomes
      async let ahead = reader.ahead()
      var expected: [(record: ReservationRecord, changedAt: Timestamp)] = []
      for row in piece {
        guard let course = comparison.replay.courses[Int(row.version) - 1], let record = try? row.reservation(course) else {
          continue
        }
        findings.reservations += 1
        expected.append((record, course.changedAt))
        if record.allocation != nil { try await verifyRow(of: record, expiresAt: course.expiresAt, comparison) }
      }
      do throws(ViewUnavailable) {
        try await viewComparison?.compare(expected, patience: &patience, &findings)
      } catch {
        lose(error, &viewComparison)
      }
      progress(findings)
      outcomes = try await ahead.get()
    }
    while let row = try await reservations.next(of: id, if: { _ in true }) { undecided(row) }
  }

  private mutating func verifyRow(
    of record: ReservationRecord, expiresAt: Timestamp, _ comparison: EventTables
  ) async throws(StoreUnavailable) {
    while let row = try await reservations.next(of: record.event, if: { $0.sequence <= record.sequence }) {
      if row.sequence == record.sequence { return comparison.compare(row, with: record, expiresAt: expiresAt, &findings) }
      undecided(row)
    }
    findings.differ(
      record.event, "reservations sequence \(record.sequence)", stored: "nothing", replayed: "\(record.id), \(record.status)")
  }

  private mutating func undecided(_ row: StoredReservation) {
    findings.differ(
      row.event, "reservations sequence \(row.sequence)", stored: "\(row.id)", replayed: "nothing: no decision gave it tickets")
  }

  /// Passes over the rows of an event that can't be compared.
  private mutating func skip(_ event: EventID) async throws(StoreUnavailable) {
    while try await !decisions.piece(of: event).isEmpty {}
    while try await !outcomes.piece(of: event).isEmpty {}
    while try await !reservations.piece(of: event).isEmpty {}
  }

  // MARK: The view

  private mutating func lookAtView(of record: EventRecord, at version: Int64) async -> ViewComparison? {
    guard let view, findings.viewFailure == nil else { return nil }
    do throws(ViewUnavailable) {
      return try await ViewComparison(of: record, at: version, in: view, now: now, patience: &patience, &findings)
    } catch {
      findings.viewFailure = error.description
      return nil
    }
  }

  private mutating func lose(_ error: ViewUnavailable, _ comparison: inout ViewComparison?) {
    findings.viewFailure = error.description
    comparison = nil
  }
}
