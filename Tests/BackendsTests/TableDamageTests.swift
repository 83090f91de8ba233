import BackendsTestSupport
import Pipeline
import PostgreSQL
import Redis
import Testing
import Ticketing
import Verification

@testable import Backends

/// One value is changed in each column of each table that the journal explains, and `verify` finds it. The columns are the database's
/// own list, so that one that is added without a verdict shows here.
struct TableDamageTests {
  /// Tables of which every column is compared.
  private static let covered: Set = [
    "events", "sections", "seat_rows", "event_streams", "decisions", "reservations", "seat_allocations", "section_counters",
  ]

  /// Tables of which the journal says nothing, and why that is right.
  private static let uncovered = [
    "settings": "what processes agree on",
    "users": "accounts are no decisions",
    "revoked_sessions": "sessions are no decisions",
    "attempts": "how often a command that was not decided yet was tried",
    "dead_letters": "what could not be decided",
    "workers": "who is there now",
    "migrations": "what was done to the tables themselves",
  ]

  /// What describes the offer is under the hash of the first decision, in the stream's head before it, and in the catalogue of the view.
  private static let offer: Set = ["events", "sections", "seat_rows"]

  private struct Column {
    var table: String
    var name: String
    var type: String
    var isNullable: Bool

    /// SQL for a value that is a little different.
    var changed: [String] {
      var values: [String]
      switch type {
      case "uuid":
        values = ["overlay(\(name)::text PLACING (CASE right(\(name)::text, 1) WHEN '0' THEN '1' ELSE '0' END) FROM 36)::uuid"]
      case "smallint", "integer", "bigint": values = ["\(name) + 1"]
      case "boolean": values = ["NOT \(name)"]
      case "text": values = ["\(name) || 'x'"]
      case "timestamp with time zone": values = ["\(name) + interval '1 microsecond'"]
      case "bytea":
        let positions = ["0", "length(\(name)) / 2", "length(\(name)) - 1"]
        values = positions.map { "set_byte(\(name), \($0), get_byte(\(name), \($0)) # 1)" }
      case "ARRAY": values = ["\(name) || \(name)"]
      default: values = []
      }
      if isNullable { values.append("NULL") }
      return values
    }
  }

  private func columns(_ pool: PostgresPool) async throws -> [Column] {
    try await pool.query(PostgresQuery(Self.allColumns)).map { row in
      Column(table: try row.text(0), name: try row.text(1), type: try row.text(2), isNullable: try row.bool(3))
    }
  }

  private static let allColumns = PostgresStatement(
    "test_columns",
    """
    SELECT c.table_name::text, c.column_name::text, c.data_type::text, c.is_nullable = 'YES'
      FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
     WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name <> 'saved' AND c.is_generated = 'NEVER'
     ORDER BY c.table_name, c.ordinal_position
    """)

  @Test(.timeLimit(.minutes(5))) func `a changed value in any column is found and named`() async throws {
    try await AuditedSale.with { sale in
      #expect(try await sale.differences() == [])
      for column in try await columns(sale.pool) {
        guard Self.covered.contains(column.table) else {
          #expect(Self.uncovered[column.table] != nil, "is \(column.table) covered by verify, or why not?")
          continue
        }
        #expect(!column.changed.isEmpty, "how is a \(column.type) changed? (\(column.table).\(column.name))")
        for value in column.changed { try await expectFound(column, value, in: sale) }
      }
    }
  }

  private func expectFound(_ column: Column, _ value: String, in sale: AuditedSale) async throws {
    let (table, name) = (column.table, column.name)
    // The greatest value, which is changed to a greater one, so that no key is there twice.
    let isFilled = column.type == "ARRAY" ? "cardinality(\(name)) > 0" : "\(name) IS NOT NULL"
    let damage = """
      UPDATE \(table) SET \(name) = \(value)
       WHERE ctid = (SELECT ctid FROM \(table) WHERE \(isFilled) ORDER BY \(name) DESC LIMIT 1)
      """
    let differences = try await differences(after: damage, to: table, in: sale)
    let isNamed = differences.contains { difference in
      if Self.offer.contains(table), difference.what.hasPrefix("view event") { return true }
      if table == "events", difference.replayed.contains("no such event") { return true }
      if table == "decisions", difference.what.hasSuffix(" hash") { return true }
      return difference.what.contains(table) && (difference.what.contains(name) || name == "event_id")
    }
    #expect(isNamed, "\(table).\(name) := \(value) gave \(differences)")
  }

  /// What is found after a table was damaged, which is then as it was before.
  private func differences(after damage: String, to table: String, in sale: AuditedSale) async throws -> [Difference] {
    // Without triggers, which refuse what refers to nothing: damage asks for no permission.
    try await sale.pool.execute(
      """
      SET session_replication_role = replica;
      CREATE TABLE saved AS TABLE \(table);
      \(damage);
      RESET session_replication_role;
      """)
    let differences = try await sale.differences()
    let columns = try await columns(sale.pool).filter { $0.table == table }.map(\.name).joined(separator: ", ")
    try await sale.pool.execute(
      """
      SET session_replication_role = replica;
      DELETE FROM \(table);
      INSERT INTO \(table) (\(columns)) SELECT \(columns) FROM saved;
      DROP TABLE saved;
      RESET session_replication_role;
      """)
    return differences
  }

  @Test(arguments: covered.sorted()) func `a missing row is found`(table: String) async throws {
    try await AuditedSale.with { sale async throws in
      let damage = "DELETE FROM \(table) WHERE ctid = (SELECT max(ctid) FROM \(table))"
      let found = try await differences(after: damage, to: table, in: sale)
      let left = try await sale.differences()
      #expect(!found.isEmpty && left == [])
    }
  }

  /// Redis may have its copy from the damaged table by then.
  @Test(arguments: ["name", "venue", "description"]) func `a changed offer is found without the view's copy`(column: String)
    async throws
  {
    try await AuditedSale.with { sale async throws in
      _ = try await sale.redis.command("DEL", .string(RedisKeys.event(sale.record.event.id)))
      let damage = "UPDATE events SET \(column) = 'x' WHERE event_id = '\(sale.record.event.id)'"
      let found = try await differences(after: damage, to: "events", in: sale)
      #expect(found.map(\.what) == ["events offer_hash"])
    }
  }

  @Test func `a stream that its partition's worker would not find is found`() async throws {
    try await AuditedSale.with { sale async throws in
      try await sale.pool.execute("ALTER TABLE event_streams ALTER COLUMN partition_hash DROP EXPRESSION")
      let damage = "UPDATE event_streams SET partition_hash = partition_hash + 1 WHERE event_id = '\(sale.record.event.id)'"
      let found = try await differences(after: damage, to: "event_streams", in: sale)
      #expect(found.map(\.what) == ["event_streams partition_hash"])
    }
  }

  @Test func `seats that no decision gave to anybody are found`() async throws {
    try await AuditedSale.with { sale in
      let id = sale.record.event.id
      // Before, between and behind those that are taken.
      let seats = [0, 5, 19]
      let rows = seats.map { "('\(id)', \($0), 1)" }.joined(separator: ", ")
      let damage = "INSERT INTO seat_allocations (event_id, seat_index, sequence) VALUES \(rows)"
      let found = try await differences(after: damage, to: "seat_allocations", in: sale)
      #expect(found.map(\.what) == seats.map { "seat_allocations seat_index \($0)" })
    }
  }

  @Test(arguments: covered.subtracting(["events"]).sorted())
  func `a row of an event that does not exist is found`(table: String) async throws {
    try await AuditedSale.with { sale in
      let event: EventID = random()
      let columns = try await columns(sale.pool).filter { $0.table == table }.map(\.name)
      // Another row's values; a command may be there once only.
      let values = columns.map { $0 == "event_id" ? "'\(event)'::uuid" : $0 == "command_id" ? "NULL" : $0 }
      let damage = """
        INSERT INTO \(table) (\(columns.joined(separator: ", ")))
        SELECT \(values.joined(separator: ", ")) FROM \(table) LIMIT 1
        """
      let found = try await differences(after: damage, to: table, in: sale)
      #expect(found.map(\.event) == [event] && found.allSatisfy { $0.what.hasPrefix(table) }, "\(found)")
    }
  }
}
