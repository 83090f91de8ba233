public import Pipeline
public import PostgreSQL
public import Ticketing

/// The attempts at suspicious commands, and which are set aside, in PostgreSQL.
public struct PostgresQuarantine: Quarantine {
  private let pool: PostgresPool

  public init(_ pool: PostgresPool) { self.pool = pool }

  public func commandsSetAside(in partition: Int) async throws(JournalFailure) -> Set<CommandID> {
    try await journal {
      Set(try await pool.query(PostgresQuery(Self.setAside, .int2(Int16(partition)))).map { CommandID(try $0.uuid(0)) })
    }
  }

  private static let setAside = PostgresStatement(
    "quarantine_set_aside",
    "SELECT command_id FROM dead_letters WHERE partition = $1 AND status NOT IN (1, 2) AND command_id IS NOT NULL")

  public func attempts(at commands: [CommandID]) async throws(JournalFailure) -> [CommandID: Attempts] {
    try await journal {
      try Self.attempts(await pool.query(PostgresQuery(Self.read, .uuids(commands.map(\.rawValue)))))
    }
  }

  private static let read = PostgresStatement(
    "quarantine_read", "SELECT command_id, alone, together FROM attempts WHERE command_id = ANY ($1)")

  public func noteAttempt(
    at commands: [CommandID], in partition: Int
  ) async throws(JournalFailure) -> [CommandID: Attempts] {
    let isAlone = commands.count == 1
    return try await journal {
      try Self.attempts(
        await pool.pipeline([
          PostgresQuery(Self.withoutWaitingForTheDisk),
          PostgresQuery(
            Self.note, .uuids(commands.map(\.rawValue)), .int2(Int16(partition)), .int4(isAlone ? 1 : 0), .int4(isAlone ? 0 : 1)),
        ])[1])
    }
  }

  /// A note must survive the worker, not the database: losing one costs another attempt.
  private static let withoutWaitingForTheDisk = PostgresStatement(
    "quarantine_without_waiting", "SELECT set_config('synchronous_commit', 'off', true)")

  // In the order of the ids: two workers that note the same commands must not wait for each other in a circle.
  private static let note = PostgresStatement(
    "quarantine_note",
    """
    INSERT INTO attempts (command_id, partition, alone, together)
    SELECT DISTINCT command_id, $2::smallint, $3::integer, $4::integer FROM unnest($1::uuid[]) AS t (command_id) ORDER BY 1
        ON CONFLICT (command_id) DO UPDATE
       SET alone = attempts.alone + excluded.alone, together = attempts.together + excluded.together
    RETURNING command_id, alone, together
    """)

  private static func attempts(_ rows: PostgresRows) throws -> [CommandID: Attempts] {
    Dictionary(
      uniqueKeysWithValues: try rows.map { row in
        (CommandID(try row.uuid(0)), Attempts(alone: Int(try row.int4(1)), together: Int(try row.int4(2))))
      })
  }

  public func withdrawAttempt(at command: CommandID) async throws(JournalFailure) {
    try await journal { _ = try await pool.query(PostgresQuery(Self.withdraw, .uuid(command.rawValue))) }
  }

  private static let withdraw = PostgresStatement(
    "quarantine_withdraw", "UPDATE attempts SET alone = alone - 1 WHERE command_id = $1 AND alone > 0")

  public func clearAttempts(in partition: Int) async throws(JournalFailure) {
    try await journal { _ = try await pool.query(PostgresQuery(Self.clear, .int2(Int16(partition)))) }
  }

  private static let clear = PostgresStatement("quarantine_clear", "DELETE FROM attempts WHERE partition = $1")
}
