public import Pipeline
public import PostgreSQL
import RabbitMQ

/// Why the number of partitions can't be changed now.
public struct RepartitioningFailure: Error, CustomStringConvertible {
  public let description: String
}

/// Changes the number of partitions of a site on which nothing runs and nothing waits.
///
/// An event's partition follows from that number. Were it changed while requests wait, those of one event would be in two queues, and
/// the order between the two would be lost; so this refuses unless all has been decided.
public struct Repartitioning: Sendable {
  /// How long the database may show a process that has just ended.
  private static let patience = Duration.seconds(3)

  private let pool: PostgresPool
  private let amqpURL: String

  public init(_ pool: PostgresPool, amqpURL: String) {
    self.pool = pool
    self.amqpURL = amqpURL
  }

  /// - Returns: queues of the old number that could not be deleted. They are empty.
  /// - Throws: ``RepartitioningFailure`` naming what is in the way, or `StoreUnavailable`; then nothing was changed.
  public func change(from old: Partitioning, to new: Partitioning) async throws -> [String] {
    try await expectNothingRuns()
    try await expectNoUnreadableLetters()
    let topology = Topology(partitioning: old)
    let connection = try await broker { () async throws(RabbitMQError) in
      try await RabbitMQConnection.connect(try RabbitMQConfiguration(url: amqpURL))
    }
    do {
      for partition in 0..<old.count { try await expectEmpty(topology.queue(partition), connection) }
      try await write(old, new)
      let leftovers = await delete(topology, connection)
      await connection.close()
      return leftovers
    } catch {
      await connection.close()
      throw error
    }
  }

  private func expectNothingRuns() async throws {
    let deadline = ContinuousClock.now + Self.patience
    while true {
      let running = try await store { try await pool.query(PostgresQuery(Self.running)).map { try $0.text(0) } }
      if running.isEmpty { return }
      if deadline <= .now {
        let names = running.joined(separator: ", ")
        throw RepartitioningFailure(description: "these processes are connected to the database: \(names)")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// Gateways and workers look at the number of partitions every few seconds, so that one that runs is seen here.
  private static let running = PostgresStatement(
    "repartitioning_running",
    """
    SELECT DISTINCT application_name FROM pg_stat_activity
     WHERE datname = current_database() AND application_name ~ '^tickethub (gateway|worker)' ORDER BY 1
    """)

  /// Nobody can tell of which events they are, and so into which queue they belong.
  private func expectNoUnreadableLetters() async throws {
    let count = try await store { try await pool.query(PostgresQuery(Self.unreadable)).first?.int8(0) ?? 0 }
    if count == 0 { return }
    throw RepartitioningFailure(
      description: "\(count) dead letters can't be read; replay or discard them first: tickethub dead-letters list")
  }

  private static let unreadable = PostgresStatement(
    "repartitioning_unreadable", "SELECT count(*) FROM dead_letters WHERE event_id IS NULL AND status NOT IN (2, 4)")

  private func expectEmpty(_ queue: String, _ connection: RabbitMQConnection) async throws {
    let state: QueueState
    do throws(RabbitMQError) {
      state = try await connection.queueState(queue)
    } catch  where error.code == .notFound {
      // It was never declared, or is deleted.
      return
    } catch {
      throw RepartitioningFailure(description: error.message)
    }
    if state.consumerCount > 0 { throw RepartitioningFailure(description: "a worker consumes \(queue)") }
    if state.messageCount > 0 {
      throw RepartitioningFailure(description: "\(state.messageCount) messages wait in \(queue); let workers decide them")
    }
  }

  private func write(_ old: Partitioning, _ new: Partitioning) async throws {
    let isDone = try await store {
      try await pool.transaction { transaction in
        let changed = try await transaction.query(
          PostgresQuery(Self.change, .text("\(new.count)"), .text("\(old.count)")))
        _ = try await transaction.query(PostgresQuery(Self.moveLetters, .int4(Int32(new.count))))
        _ = try await transaction.query(PostgresQuery(Self.forgetAttempts))
        return !changed.isEmpty
      }
    }
    if !isDone { throw RepartitioningFailure(description: "somebody else has changed it meanwhile") }
  }

  private static let change = PostgresStatement(
    "repartitioning_change",
    "UPDATE settings SET value = $1 WHERE name = 'partitions' AND value = $2 RETURNING value")

  private static let moveLetters = PostgresStatement(
    "repartitioning_letters", "UPDATE dead_letters SET partition = mod(fnv1a(event_id), $1::integer) WHERE event_id IS NOT NULL")

  /// They are kept by partition, and about commands that are not decided; there are none.
  private static let forgetAttempts = PostgresStatement("repartitioning_attempts", "DELETE FROM attempts")

  private func delete(_ topology: Topology, _ connection: RabbitMQConnection) async -> [String] {
    var leftovers: [String] = []
    for partition in 0..<topology.partitioning.count {
      do throws(RabbitMQError) {
        try await connection.deleteQueue(topology.queue(partition))
      } catch {
        leftovers.append(topology.queue(partition))
      }
    }
    do throws(RabbitMQError) {
      try await connection.deleteExchange(topology.exchange)
    } catch {
      leftovers.append(topology.exchange)
    }
    return leftovers
  }

  private func broker<Answer>(_ ask: () async throws(RabbitMQError) -> Answer) async throws -> Answer {
    do throws(RabbitMQError) {
      return try await ask()
    } catch {
      throw RepartitioningFailure(description: error.message)
    }
  }
}
