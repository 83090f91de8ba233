public import Pipeline
public import PostgreSQL

/// The workers that live, in PostgreSQL.
public struct PostgresMembership: Membership {
  private let pool: PostgresPool
  private let host: String

  public init(_ pool: PostgresPool, host: String) {
    self.pool = pool
    self.host = host
  }

  public func beat(_ worker: WorkerID) async throws(StoreUnavailable) -> [WorkerID] {
    try await store {
      let rows = try await pool.pipeline([
        PostgresQuery(Self.relax), PostgresQuery(Self.seen, .uuid(worker), .text(host)), PostgresQuery(Self.forget),
        PostgresQuery(Self.alive),
      ])
      return try rows[3].map { try $0.uuid(0) }
    }
  }

  public func members() async throws(StoreUnavailable) -> [WorkerID] {
    try await store { try await pool.query(PostgresQuery(Self.alive)).map { try $0.uuid(0) } }
  }

  public func leave(_ worker: WorkerID) async throws(StoreUnavailable) {
    try await store { _ = try await pool.query(PostgresQuery(Self.delete, .uuid(worker))) }
  }

  /// A beat that a crash of the database forgets does no harm, so it need not wait for the disk.
  private static let relax = PostgresStatement("worker_relax", "SELECT set_config('synchronous_commit', 'off', true)")

  private static let seen = PostgresStatement(
    "worker_seen",
    """
    INSERT INTO workers (worker_id, host, started_at, last_seen_at) VALUES ($1, $2, clock_timestamp(), clock_timestamp())
    ON CONFLICT (worker_id) DO UPDATE SET last_seen_at = clock_timestamp()
    """)

  /// Two seconds are four beats: fewer would take a busy machine's hiccup for a death, more would leave a dead worker's partitions
  /// alone for longer than need be. Whoever was seen later than now was seen before the clock was set back.
  private static let alive = PostgresStatement(
    "workers_alive",
    """
    SELECT worker_id FROM workers
     WHERE last_seen_at BETWEEN clock_timestamp() - interval '2 seconds' AND clock_timestamp() + interval '2 seconds'
    """)

  /// Workers that ended without saying so. Two that forget at the same time, after the clock was set, must not wait for each other.
  private static let forget = PostgresStatement(
    "workers_forget",
    """
    DELETE FROM workers WHERE worker_id IN (
      SELECT worker_id FROM workers
       WHERE last_seen_at NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() + interval '1 minute'
         FOR UPDATE SKIP LOCKED)
    """)

  private static let delete = PostgresStatement("worker_delete", "DELETE FROM workers WHERE worker_id = $1")
}
