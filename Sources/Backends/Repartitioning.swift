public import Pipeline
public import PostgreSQL
import RabbitMQ

/// Why the number of partitions can't be changed now.
public struct RepartitioningFailure: Error, CustomStringConvertible {
  public let description: String
}

/// Changes the number of partitions of a site on which nothing runs and nothing waits.
///
/// An event's partition follows from that number. Were it changed while requests wait, those of one event would be in two queues,
/// and the order between the two would be lost; so this refuses unless all has been decided.
///
/// The queues of the former number stay. RabbitMQ can't delete a quorum queue only if it is empty, so a request would be lost
/// that somebody queued with the former number after the queue was looked at; in an old queue it only waits.
public struct Repartitioning: Sendable {
  /// How long the database may show a process that has just ended.
  private static let patience = Duration.seconds(3)

  private let pool: PostgresPool
  private let proof: EmptinessProof

  /// - Parameter patience: how long a queue is tried that does not show what it holds.
  /// - Throws: ``RepartitioningFailure`` if the URL is none.
  public init(_ pool: PostgresPool, amqpURL: String, patience: Duration = .seconds(10)) throws(RepartitioningFailure) {
    self.pool = pool
    do throws(RabbitMQError) {
      proof = EmptinessProof(configuration: try EmptinessProof.configuration(url: amqpURL), patience: patience)
    } catch {
      throw RepartitioningFailure(description: error.message)
    }
  }

  /// - Throws: ``RepartitioningFailure`` naming what is in the way, or `StoreUnavailable`; then nothing was changed.
  public func change(from old: Partitioning, to new: Partitioning) async throws {
    try await expectNothingRuns()
    let topology = Topology(partitioning: old)
    for partition in 0..<old.count {
      let queue = topology.queue(partition)
      switch await proof.finding(in: queue) {
      case .nothing: continue
      case .requests: throw RepartitioningFailure(description: "requests wait in \(queue); let workers decide them")
      case .unknown(let why):
        throw RepartitioningFailure(description: "it can't be told whether \(queue) is empty: \(why)")
      }
    }
    try await write(old, new)
  }

  /// To be called once everything that worked with the former number has noticed that it must not.
  /// - Returns: which of that number's queues are not known to be empty, in words; nothing if all are.
  public func leftovers(of old: Partitioning) async -> [String] {
    let topology = Topology(partitioning: old)
    var leftovers: [String] = []
    for partition in 0..<old.count {
      let queue = topology.queue(partition)
      switch await proof.finding(in: queue) {
      case .nothing: continue
      case .requests: leftovers.append("requests wait in \(queue)")
      case .unknown(let why):
        // The next would take as long.
        return leftovers + ["it can't be told whether \(queue) and those after it are empty: \(why)"]
      }
    }
    return leftovers
  }

  // MARK: The database

  private func expectNothingRuns() async throws {
    let deadline = ContinuousClock.now + Self.patience
    while true {
      let running = try await store { try Self.names(await pool.query(PostgresQuery(Self.running))) }
      if running.isEmpty { return }
      if deadline <= .now { throw Self.inTheWay(running) }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// Gateways and workers look at the number of partitions every few seconds, so that one that runs is seen here; and so is who
  /// replays dead letters, which are queued, too.
  private static let running = PostgresStatement(
    "repartitioning_running",
    """
    SELECT DISTINCT application_name FROM pg_stat_activity
     WHERE datname = current_database() AND application_name ~ '^tickethub (gateway|worker|dead-letters)' ORDER BY 1
    """)

  private static func names(_ rows: PostgresRows) throws(PostgresError) -> [String] {
    var names: [String] = []
    for row in rows { names.append(try row.text(0)) }
    return names
  }

  private static func inTheWay(_ running: [String]) -> RepartitioningFailure {
    RepartitioningFailure(description: "these processes are connected to the database: \(running.joined(separator: ", "))")
  }

  private func write(_ old: Partitioning, _ new: Partitioning) async throws {
    do {
      try await pool.transaction { transaction in
        let changed = try await transaction.query(PostgresQuery(Self.change, .text("\(new.count)"), .text("\(old.count)")))
        if changed.isEmpty { throw RepartitioningFailure(description: "somebody else has changed it meanwhile") }
        // Proving that the queues are empty takes its time. Whoever has connected before this moment is seen. Whoever connects
        // later looks at the number first, and waits for this transaction there.
        let running = try Self.names(await transaction.query(PostgresQuery(Self.running)))
        if !running.isEmpty { throw Self.inTheWay(running) }
        let unreadable = try await transaction.query(PostgresQuery(Self.unreadable)).first?.int8(0) ?? 0
        if unreadable > 0 {
          throw RepartitioningFailure(
            description: "\(unreadable) dead letters can't be read; replay or discard them first: tickethub dead-letters list")
        }
        _ = try await transaction.query(PostgresQuery(Self.moveLetters, .int4(Int32(new.count))))
        _ = try await transaction.query(PostgresQuery(Self.forgetAttempts))
      }
    } catch let error as PostgresError {
      throw StoreUnavailable(error.message)
    }
  }

  private static let change = PostgresStatement(
    "repartitioning_change",
    "UPDATE settings SET value = $1 WHERE name = 'partitions' AND value = $2 RETURNING value")

  /// Nobody can tell of which events they are, and so into which queue they belong.
  private static let unreadable = PostgresStatement(
    "repartitioning_unreadable", "SELECT count(*) FROM dead_letters WHERE event_id IS NULL AND status NOT IN (2, 4)")

  private static let moveLetters = PostgresStatement(
    "repartitioning_letters", "UPDATE dead_letters SET partition = mod(fnv1a(event_id), $1::integer) WHERE event_id IS NOT NULL")

  /// They are kept by partition, and about commands that are not decided; there are none.
  private static let forgetAttempts = PostgresStatement("repartitioning_attempts", "DELETE FROM attempts")
}

/// Finds out whether queues hold requests.
///
/// Asking for the number of messages proves nothing. While the leader of a quorum queue recovers, is away, or is busy for 250 ms,
/// RabbitMQ 3.10 answers that there are none, and no consumers (`rabbit_quorum_queue:stat/2`); and what a consumer holds is not
/// counted.
///
/// So a message without commands is put into the queue. If it is the first thing that the queue gives out, nothing waited before
/// it; and since it is given to the single active consumer, which is this one, nobody else holds anything. Whatever else happens
/// proves nothing.
private struct EmptinessProof: Sendable {
  enum Finding {
    /// There is no such queue, or it held no request before it was looked at.
    case nothing
    case requests
    case unknown(String)
  }

  /// How long a queue may take to give out what it has confirmed.
  private static let deliveryPatience = Duration.seconds(3)

  let configuration: RabbitMQConfiguration
  let patience: Duration

  static func configuration(url: String) throws(RabbitMQError) -> RabbitMQConfiguration {
    var configuration = try RabbitMQConfiguration(url: url)
    configuration.connectionName = "tickethub partitions"
    // A queue without a leader does not answer at all, and is tried again.
    (configuration.rpcTimeout, configuration.confirmTimeout) = (.seconds(5), .seconds(5))
    return configuration
  }

  func finding(in queue: String) async -> Finding {
    let deadline = ContinuousClock.now + patience
    while true {
      let finding = await look(into: queue)
      guard case .unknown = finding, ContinuousClock.now < deadline, !Task.isCancelled else { return finding }
      try? await Task.sleep(for: .milliseconds(200))
    }
  }

  /// On a connection of its own: where the broker does not answer in time, the connection is lost.
  private func look(into queue: String) async -> Finding {
    do throws(RabbitMQError) {
      let connection = try await RabbitMQConnection.connect(configuration)
      let finding = await look(into: queue, on: connection)
      await connection.close()
      return finding
    } catch {
      return .unknown(error.message)
    }
  }

  private func look(into queue: String, on connection: RabbitMQConnection) async -> Finding {
    do throws(RabbitMQError) {
      // Not fewer than workers take: of messages that came back, those that this took and gives back would be put behind those that
      // it did not take.
      let consumer = try await connection.consume(queue, prefetch: RabbitCommandQueue.prefetch)
      let finding = try await firstOut(of: queue, to: consumer, connection)
      await consumer.close()
      return finding
    } catch  where error.code == .notFound && error.message.contains("no queue") {
      // It was never declared, or is deleted. A queue that can't be reached is "not found" as well, in other words.
      return .nothing
    } catch {
      return .unknown(error.message)
    }
  }

  private func firstOut(
    of queue: String, to consumer: RabbitMQConsumer, _ connection: RabbitMQConnection
  ) async throws(RabbitMQError) -> Finding {
    // Workers take it for a mark that nobody waits for, should it stay.
    let name = "empty? \(UInt64.random(in: .min ... .max))"
    let probe = RabbitMQMessage(exchange: "", routingKey: queue, body: CommandMessage.encode([]), messageID: name)
    switch await connection.publish([probe])[0] {
    case .confirmed: break
    case .refused: return .unknown("it takes no more messages")
    case .blocked(let reason): return .unknown("the broker raised an alarm: \(reason)")
    case .returned(_, let text), .unknown(let text): return .unknown(text)
    }
    while let delivery = try await consumer.take(upTo: 1, waitingAtMost: Self.deliveryPatience).first {
      // Marks, and what an attempt before this one has left, are no requests.
      guard let entries = try? CommandMessage.decode(delivery.body), entries.isEmpty else { return .requests }
      try await consumer.acknowledge(through: delivery.tag)
      if delivery.messageID == name { return .nothing }
    }
    return .unknown("it does not give out what is put into it; does somebody consume it, or is the broker very busy?")
  }
}
