import PostgreSQL
import Ticketing

/// What the tables say of an event, as far as its customers' histories are compared with it. That the tables agree with the journal is
/// seen to elsewhere.
struct Book: Sendable {
  /// How often each command was decided.
  let decisions: [CommandID: Int]
  let reservations: [ReservationID: Entry]
  /// Of the moment of ``counts``.
  let version: Int64
  /// What is gone of each section.
  let counts: [(held: Int, sold: Int)]

  struct Entry: Sendable {
    var sequence: Int64
    var isHeld: Bool
  }

  init(of event: EventID, in pool: PostgresPool) async throws {
    let id = PostgresValue.uuid(event.rawValue)
    let rows = try await pool.pipeline([
      PostgresQuery(Self.decided, id), PostgresQuery(Self.reserved, id), PostgresQuery(Self.counted, id),
    ])
    decisions = try rows[0].reduce(into: [:]) { $0[CommandID(try $1.uuid(0)), default: 0] += 1 }
    reservations = try rows[1].reduce(into: [:]) {
      $0[ReservationID(try $1.uuid(0))] = Entry(sequence: try $1.int8(1), isHeld: try $1.int4(2) == 1)
    }
    version = try rows[2].first?.int8(0) ?? 0
    counts = try rows[2].map { (held: Int(try $0.int4(1)), sold: Int(try $0.int4(2))) }
  }

  private static let decided = PostgresStatement(
    "faults_decided", "SELECT command_id FROM decisions WHERE event_id = $1 AND command_id IS NOT NULL")

  /// From the journal, since the table has none that was rejected.
  private static let reserved = PostgresStatement(
    "faults_reserved",
    """
    SELECT d.reservation_id, min(d.version), coalesce(max(r.status), 0)::integer
      FROM decisions d
      LEFT JOIN LATERAL (SELECT status FROM reservations WHERE event_id = d.event_id AND sequence = d.reservation LIMIT 1) r ON true
     WHERE d.event_id = $1 GROUP BY d.reservation_id
    """)

  /// One statement, so that the version and the counts belong together.
  private static let counted = PostgresStatement(
    "faults_counted",
    """
    SELECT s.version, c.held, c.sold FROM event_streams s JOIN section_counters c USING (event_id)
     WHERE event_id = $1 ORDER BY c.section_index
    """)
}
