public import Pipeline
public import PostgreSQL

/// The numbered files of `sql/`, applied in order, each once and for good.
public struct Migrations: Sendable {
  /// One file.
  public struct Migration: Hashable, Sendable {
    /// `0001_a_sale.sql`; the number orders them.
    public var name: String
    public var script: String

    public init(name: String, script: String) {
      self.name = name
      self.script = script
    }
  }

  private let migrations: [Migration]

  public init(_ migrations: [Migration]) { self.migrations = migrations.sorted { $0.name < $1.name } }

  /// Applies those that have not been yet, each in a transaction, while no other process can. Gives their names.
  ///
  /// The connection's time limits must leave room for rewriting a large table, and for another process that does.
  public func apply(on connection: PostgresConnection) async throws -> [String] {
    _ = try await connection.query(PostgresQuery(Self.lock, .int8(Self.lockKey)))
    do {
      try await connection.execute(script: Self.createTable)
      let applied = Set(try await connection.query(PostgresQuery(Self.applied)).map { try $0.text(0) })
      let new = migrations.filter { !applied.contains($0.name) }
      for migration in new {
        try await connection.transaction { transaction in
          // Whoever wants a table after this one waits for it in vain as long as it waits itself.
          try await transaction.execute(script: "SET LOCAL lock_timeout = '5s'")
          try await transaction.execute(script: migration.script)
          _ = try await transaction.query(PostgresQuery(Self.record, .text(migration.name)))
        }
      }
      _ = try await connection.query(PostgresQuery(Self.unlock, .int8(Self.lockKey)))
      return new.map(\.name)
    } catch {
      // Closing the connection gives the lock back, whatever state it is in.
      await connection.close()
      throw error
    }
  }

  /// "TICKETHU" in ASCII: a key of the whole database's advisory locks that nobody else is likely to use.
  private static let lockKey: Int64 = 0x5449_434B_4554_4855

  private static let createTable = """
    CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())
    """
  private static let lock = PostgresStatement("migrations_lock", "SELECT pg_advisory_lock($1)")
  private static let unlock = PostgresStatement("migrations_unlock", "SELECT pg_advisory_unlock($1)")
  private static let applied = PostgresStatement("migrations_applied", "SELECT name FROM migrations")
  private static let record = PostgresStatement("migrations_record", "INSERT INTO migrations (name) VALUES ($1)")
}

/// What all processes must agree on.
public struct PostgresSettings: Sendable {
  private let pool: PostgresPool

  public init(_ pool: PostgresPool) { self.pool = pool }

  /// Sets the number of partitions if it was never set, and gives the one that is in force.
  public func agree(on partitioning: Partitioning) async throws(StoreUnavailable) -> Partitioning {
    let value = try await store {
      try await pool.pipeline([
        PostgresQuery(Self.propose, .text("\(partitioning.count)")), PostgresQuery(Self.read),
      ])[1].first?.text(0)
    }
    return try Self.partitioning(of: value)
  }

  /// The number of partitions that is in force.
  public func partitioning() async throws(StoreUnavailable) -> Partitioning {
    try Self.partitioning(of: await store { try await pool.query(PostgresQuery(Self.read)).first?.text(0) })
  }

  private static func partitioning(of value: String?) throws(StoreUnavailable) -> Partitioning {
    guard let count = value.flatMap({ Int($0) }), Partitioning.validCounts.contains(count) else {
      throw StoreUnavailable("the database has no valid number of partitions: \(value ?? "none")")
    }
    return Partitioning(count: count)
  }

  private static let propose = PostgresStatement(
    "settings_propose", "INSERT INTO settings (name, value) VALUES ('partitions', $1) ON CONFLICT DO NOTHING")
  private static let read = PostgresStatement("settings_read", "SELECT value FROM settings WHERE name = 'partitions'")
}
