import Backends
public import Pipeline
public import PostgreSQL
public import Ticketing

/// An event's history told again: decided anew from the commands in the journal, and compared with what was written down then.
public struct Replay: Sendable {
  public private(set) var state: EventState
  /// The hash that the chain leads to.
  public private(set) var head: HashChain.Hash
  /// All reservations that were decided, as the view is to show them.
  public private(set) var reservations: [ReservationID: ReservationRecord] = [:]
  /// The decided commands in their order; expiries have the id 0.
  public private(set) var commands: [CommandID] = []
  /// Where what was written down differs from what should have been, in words.
  public private(set) var differences: [String] = []

  /// Replays what the journal has of an event.
  public init(of record: EventRecord, in pool: PostgresPool) async throws {
    state = EventState(event: record.event)
    head = HashChain.origin(of: record.event)
    let rows = try await pool.query(PostgresQuery(Self.decisions, .uuid(record.event.id.rawValue)))
    for row in rows { try replay(row) }
    let repeated = Dictionary(grouping: commands.filter { $0.rawValue != 0 }, by: \.self).filter { $0.value.count > 1 }
    if !repeated.isEmpty { differences.append("decided more than once: \(repeated.keys.sorted())") }
  }

  private static let decisions = PostgresStatement(
    "test_decisions",
    """
    SELECT version, reservation, command_id, reservation_id, decided_at, command, outcome, hash
      FROM decisions WHERE event_id = $1 ORDER BY version
    """)

  private mutating func replay(_ row: PostgresRow) throws {
    let version = try row.int8(0)
    var commandBytes = ByteReader(try row.bytes(5))
    var outcomeBytes = ByteReader(try row.bytes(6))
    let command = try commandBytes.readCommand()
    let written = Decision(
      version: version, command: command, decidedAt: Timestamp(microseconds: try row.timestamp(4)),
      outcome: try outcomeBytes.readOutcome())
    let decided = decide(command, given: state, at: written.decidedAt)
    if decided != written { differences.append("decision \(version) is \(written), and should be \(decided)") }
    let existing = state.reservation(command.reservation)
    let isNew = if case .reserve = command.action { true } else { false }
    let entry = JournalEntry(written, after: head, sequence: isNew ? version : existing?.sequence ?? 0)
    head = entry.hash
    let isExpiry = if case .expire = command.action { true } else { false }
    if try row.bytes(7) != entry.hash || row.bytes(5) != entry.command || row.bytes(6) != entry.outcome
      || row.int8(1) != entry.sequence || row.uuid(3) != command.reservation.rawValue
      || row.optionalUUID(2) != (isExpiry ? nil : command.id.rawValue)
    {
      differences.append("decision \(version) was not written as it was made")
    }
    note(written, existing: existing)
    commands.append(isExpiry ? CommandID(0) : command.id)
    try state.replay(written)
  }

  private mutating func note(_ decision: Decision, existing: LiveReservation?) {
    let id = decision.command.reservation
    switch decision.outcome {
    case .held(let allocation, let expiresAt):
      reservations[id] = created(decision, .held, allocation: allocation, expiresAt: expiresAt)
    case .rejected(let rejection): reservations[id] = created(decision, .rejected, rejection: rejection)
    case .extended(let expiresAt):
      reservations[id]?.expiresAt = expiresAt
      reservations[id]?.extensionsUsed += 1
      reservations[id]?.version += 1
    case .released, .expired:
      reservations[id]?.status = decision.outcome == .released ? .released : .expired
      reservations[id]?.expiresAt = nil
      reservations[id]?.version += 1
    case .unchanged: break
    }
  }

  private func created(
    _ decision: Decision, _ status: ReservationRecord.Status, allocation: Allocation? = nil, expiresAt: Timestamp? = nil,
    rejection: Rejection? = nil
  ) -> ReservationRecord? {
    guard case .reserve(let request) = decision.command.action else { return nil }
    return ReservationRecord(
      id: decision.command.reservation, event: decision.command.event, status: status, version: 1, request: request,
      createdAt: decision.command.acceptedAt, sequence: decision.version, allocation: allocation, expiresAt: expiresAt,
      rejection: rejection)
  }

  /// What is gone of each section.
  public var counts: [Availability.Counts] { state.counts.map { Availability.Counts(held: $0.held, sold: $0.sold) } }
}
