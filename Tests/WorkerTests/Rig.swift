import Backends
import BackendsTestSupport
import BlockingThread
import Pipeline
import PostgreSQL
import RabbitMQ
import Redis
import ServiceLifecycle
import TestSupport
import Testing
import Ticketing

@testable import Worker

/// A sale on real servers, with everything of its own: database, view, queues, events.
final class Rig: Sendable {
  let events: [EventRecord]
  let database: TestDatabase
  let redis: RedisClient
  private let redisConfiguration: RedisConfiguration
  private let brokerURL: String
  let topology: Topology
  private let link: BrokerLink
  private let publisher: RabbitCommandPublisher

  /// - Parameter partitions: few, since the broker needs long for a quorum queue on a busy machine.
  init(
    events: [EventRecord], database: TestDatabase, redis: RedisConfiguration, brokerURL: String, partitions: Int = 4
  ) async throws {
    self.events = events
    self.database = database
    redisConfiguration = redis
    self.redis = RedisClient.make(redis)
    self.brokerURL = brokerURL
    topology = Topology(partitioning: Partitioning(count: partitions))
    link = try BrokerLink(url: brokerURL, name: "tests", heartbeat: .seconds(20), topology: topology, logger: quietLogger)
    publisher = RabbitCommandPublisher(link: link, topology: topology)
    for event in events { _ = try await PostgresEventStore(database.pool).create(event) }
  }

  /// Runs the body with a rig on the servers that all tests share.
  static func with(_ events: EventRecord..., partitions: Int = 4, _ body: (Rig) async throws -> Void) async throws {
    try await withDatabase(connections: 6) { database in
      let rig = try await Rig(
        events: events, database: database, redis: await redisDatabase(),
        brokerURL: await virtualHost(on: .shared(.rabbitmq)), partitions: partitions)
      try await body(rig)
      await rig.close()
    }
  }

  func close() async {
    await link.close()
    await redis.close()
  }

  var partitioning: Partitioning { topology.partitioning }

  // MARK: The gateway's part

  /// How long a broker may take to boot on a busy machine.
  private static let patience = Duration.seconds(120)

  /// Notes and queues commands as the gateway does, until the broker has confirmed them.
  func send(_ commands: [Command]) async throws {
    let view = RedisView(redis)
    for (partition, commands) in Dictionary(grouping: commands, by: { partitioning.partition(of: $0.event) }) {
      // Without a view there are no places in line, and the sale goes on.
      let first = try? await view.takePlaces([partition: commands.count])[partition]?.first
      let queued = commands.enumerated().map { index, command in
        QueuedCommand(command, ordinal: first.map { $0 + Int64(index) } ?? 0)
      }
      let notes = queued.compactMap { command -> ReservationRecord? in
        guard case .reserve(let request) = command.command.action else { return nil }
        return ReservationRecord(queued: command, request: request)
      }
      if first != nil { _ = try? await view.note(notes) }
      try await eventually(within: Self.patience, "the broker's confirm") {
        let outcome = await publisher.publish(queued, to: partition)
        if outcome != .queued { throw NotQueued(outcome: outcome, obstacle: await publisher.obstacle()) }
        return true
      }
    }
  }

  /// Queues bytes as they are.
  func send(bytes: [UInt8], to partition: Int) async throws {
    try await eventually(within: Self.patience, "the broker's confirm") {
      await publisher.publish(message: bytes, to: partition) == .queued
    }
  }

  /// The operators' way to what was set aside.
  var deadLetters: PostgresDeadLetters {
    PostgresDeadLetters(database.pool, publisher: publisher, partitioning: partitioning)
  }

  // MARK: The outcome

  /// Waits until all these commands are decided.
  func waitUntilDecided(_ commands: Set<CommandID>) async throws {
    try await eventually(within: .seconds(120), "all \(commands.count) commands decided") {
      try await PostgresJournal(database.pool).decided(Array(commands)) == commands
    }
  }

  /// Waits until the tables and the view say of every event what its journal says.
  func expectAgreement(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    for event in events {
      var differences = ["never looked"]
      do {
        try await eventually(within: .seconds(60), "the view of \(event.event.id) agrees") {
          differences = try await audit(event.event.id, in: database.pool, view: redis)
          return differences.isEmpty
        }
      } catch {
        Issue.record(
          "\(error)\n\(differences.count) differences: \(differences.prefix(5).joined(separator: "\n"))",
          sourceLocation: sourceLocation)
      }
    }
  }

  /// How many decisions the events have, expiries included.
  func decisionCount() async throws -> Int {
    Int(try await database.pool.query(PostgresQuery(Self.count)).first?.int8(0) ?? 0)
  }

  private static let count = PostgresStatement("test_count", "SELECT count(*) FROM decisions")

  // MARK: Workers

  /// A worker in this process, with connections of its own.
  func startWorker(
    journal: (any Journal)? = nil, broker: StallingProxy? = nil, postgres: StallingProxy? = nil
  ) throws -> RunningWorker {
    let databaseURL = Self.url(database.url, through: postgres)
    let pool = try testPool(databaseURL, size: 2)
    let membershipPool = try testPool(databaseURL, size: 1)
    let brokerURL = Self.url(brokerURL, through: broker)
    let link = try BrokerLink(url: brokerURL, name: "worker", heartbeat: .seconds(10), topology: topology, logger: quietLogger)
    let redis = RedisClient.make(redisConfiguration)
    let id = WorkerID.random(in: 1 ... .max)
    let membership = MortalMembership(PostgresMembership(membershipPool, host: "here"))
    let worker = Worker(
      id: id,
      queue: RabbitCommandQueue(
        link: link, publisher: RabbitCommandPublisher(link: link, topology: topology), topology: topology),
      journal: journal ?? PostgresJournal(pool), quarantine: PostgresQuarantine(pool), view: RedisProjection(redis),
      membership: membership, partitioning: partitioning, now: wallClock, executor: TaskThread(name: "consumers"),
      logger: quietLogger)
    let group = ServiceGroup(configuration: .init(services: [worker], logger: quietLogger))
    let running = Task {
      // Cancelled tests end it with an error that says just that.
      try? await group.run()
      await link.close()
      await redis.close()
      await pool.close()
      await membershipPool.close()
    }
    return RunningWorker(id: id, group: group, task: running, membership: membership)
  }

  private static func url(_ url: String, through proxy: StallingProxy?) -> String {
    guard let proxy, let start = url.lastIndex(of: ":"), let end = url[start...].firstIndex(of: "/") else { return url }
    return url.prefix(upTo: start) + ":\(proxy.port)" + url[end...]
  }

  /// How many consumers the queues have, by their broker.
  func consumerCounts() async throws -> [Int] {
    let configuration = try RabbitMQConfiguration(url: brokerURL)
    let connection = try await RabbitMQConnection.connect(configuration)
    var counts: [Int] = []
    for partition in 0..<partitioning.count {
      counts.append(
        try await connection.queueState("tickethub.commands.p\(partitioning.count).\(partition)").consumerCount)
    }
    await connection.close()
    return counts
  }
}

/// A worker that runs, and two ways to end it.
struct RunningWorker: Sendable {
  let id: WorkerID
  fileprivate let group: ServiceGroup
  fileprivate let task: Task<Void, Never>
  fileprivate let membership: MortalMembership

  /// As SIGTERM does.
  func stop() async {
    await group.triggerGracefulShutdown()
    await task.value
  }

  /// As a crash does: nobody is told.
  func abandon() async {
    membership.die()
    task.cancel()
    await task.value
  }
}

/// Why commands could not be queued.
private struct NotQueued: Error {
  var outcome: Pipeline.PublishOutcome
  var obstacle: String?
}
