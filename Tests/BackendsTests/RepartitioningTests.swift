import BackendsTestSupport
import Logging
import Pipeline
import PostgreSQL
import RabbitMQ
import TestSupport
import Testing
import Ticketing

@testable import Backends

private let one = Partitioning(count: 1)
private let two = Partitioning(count: 2)

struct RepartitioningTests {
  /// One partition, in a database and a virtual host of a test's own.
  private struct Site: Sendable {
    let database: TestDatabase
    let url: String
    let topology: Topology
    let publisher: RabbitCommandPublisher
    let queue: RabbitCommandQueue

    /// The partition's queue.
    var name: String { topology.queue(0) }

    func repartitioning(_ pool: PostgresPool? = nil, patience: Duration = .seconds(30)) throws -> Repartitioning {
      try Repartitioning(pool ?? database.pool, amqpURL: url, patience: patience)
    }

    /// From one partition to two.
    func change(_ pool: PostgresPool? = nil, patience: Duration = .seconds(30)) async throws {
      try await repartitioning(pool, patience: patience).change(from: one, to: two)
    }

    /// Expects that the number can't be changed, and gives the reason.
    func obstacle(patience: Duration = .seconds(30)) async throws -> String {
      let failure = await #expect(throws: RepartitioningFailure.self) { try await change(patience: patience) }
      #expect(try await number() == one)
      return try #require(failure).description
    }

    func number() async throws -> Partitioning { try await PostgresSettings(database.pool).partitioning() }

    func takeOne() async throws -> (any CommandSubscription, Delivery) {
      let subscription = try await queue.subscribe(to: 0)
      var deliveries: [Delivery] = []
      try await eventually(within: .seconds(60), "a delivery") {
        deliveries = try await subscription.take(1, waitingAtMost: .seconds(5))
        return !deliveries.isEmpty
      }
      return (subscription, deliveries[0])
    }
  }

  private func withSite(_ body: (Site) async throws -> Void) async throws {
    try await withDatabase { database in
      _ = try await PostgresSettings(database.pool).agree(on: one)
      let url = try await virtualHost(on: .shared(.rabbitmq))
      let topology = Topology(partitioning: one)
      let link = try BrokerLink(
        url: url, name: "tests", heartbeat: .seconds(20), topology: topology,
        logger: Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() })
      let publisher = RabbitCommandPublisher(link: link, topology: topology)
      do {
        try await eventually(within: .seconds(60), "a connection") { await publisher.obstacle() == nil }
        try await body(
          Site(
            database: database, url: url, topology: topology, publisher: publisher,
            queue: RabbitCommandQueue(link: link, publisher: publisher, topology: topology)))
        await link.close()
      } catch {
        await link.close()
        throw error
      }
    }
  }

  private func request() -> [QueuedCommand] { [QueuedCommand(.reserve(event: random()), ordinal: 1)] }

  private func entries(_ commands: [QueuedCommand]) -> [CommandMessage.Entry] { commands.map { .command($0) } }

  private func state(of queue: String, at url: String) async throws -> QueueState {
    let broker = try await RabbitMQConnection.connect(try RabbitMQConfiguration(url: url))
    let state = try await broker.queueState(queue)
    await broker.close()
    return state
  }

  // MARK: What waits

  @Test func `a queue whose leader does not answer is not taken for an empty one`() async throws {
    let server = try await TestServer.shared(.rabbitmq)
    try await withSite { site in
      let message = request()
      #expect(await site.publisher.publish(message, to: 0) == .queued)
      let host = try #require(site.url.split(separator: "/").last)
      let leader = "'\(host)_\(site.name)'"
      try await server.rabbitmqctl("eval", "sys:suspend(\(leader)).")
      do {
        #expect(try await state(of: site.name, at: site.url) == QueueState(messageCount: 0, consumerCount: 0), "it is not true")
        let obstacle = try await site.obstacle(patience: .zero)
        #expect(obstacle.contains("it can't be told whether \(site.name) is empty"), "\(obstacle)")
        try await server.rabbitmqctl("eval", "sys:resume(\(leader)).")
      } catch {
        try await server.rabbitmqctl("eval", "sys:resume(\(leader)).")
        throw error
      }
      #expect(try await site.obstacle() == "requests wait in \(site.name); let workers decide them")
      let (worker, delivery) = try await site.takeOne()
      #expect(try CommandMessage.decode(delivery.body) == entries(message))
      try await worker.acknowledge(through: delivery.tag)
      await worker.close()
      try await site.change()
      #expect(try await site.number() == two)
    }
  }

  @Test func `what somebody holds is not overlooked, and goes back to its place`() async throws {
    try await withSite { site in
      let messages = [request(), request()]
      for message in messages { #expect(await site.publisher.publish(message, to: 0) == .queued) }
      let (worker, delivery) = try await site.takeOne()
      #expect(try CommandMessage.decode(delivery.body) == entries(messages[0]))
      let obstacle = try await site.obstacle(patience: .zero)
      #expect(obstacle.contains("does somebody consume it"), "\(obstacle)")
      await worker.close()
      #expect(try await site.obstacle().hasPrefix("requests wait in"))
      for message in messages {
        let (next, delivery) = try await site.takeOne()
        #expect(try CommandMessage.decode(delivery.body) == entries(message))
        try await next.acknowledge(through: delivery.tag)
        await next.close()
      }
    }
  }

  @Test func `marks are no requests`() async throws {
    try await withSite { site in
      for number in 0..<3 { try await site.queue.mark(0, as: "mark \(number)") }
      try await site.change()
      #expect(try await site.number() == two)
    }
  }

  @Test func `a queue of the former number stays, and what is put into it later is named and kept`() async throws {
    try await withSite { site in
      try await site.change()
      #expect(try await site.repartitioning().leftovers(of: one) == [])
      #expect(try await site.repartitioning().leftovers(of: two) == [], "nobody has made these yet")
      let message = request()
      #expect(await site.publisher.publish(message, to: 0) == .queued)
      #expect(try await site.repartitioning().leftovers(of: one) == ["requests wait in \(site.name)"])
      let (worker, delivery) = try await site.takeOne()
      #expect(try CommandMessage.decode(delivery.body) == entries(message))
      await worker.close()
    }
  }

  // MARK: Who runs

  @Test(arguments: ["gateway", "worker", "worker membership", "dead-letters"])
  func `nothing is changed while one that queues or decides is connected`(name: String) async throws {
    try await withSite { site in
      let process = try await connection("tickethub \(name)", site)
      #expect(try await site.obstacle() == "these processes are connected to the database: tickethub \(name)")
      await process.close()
      try await site.change()
      #expect(try await site.number() == two)
    }
  }

  @Test func `one that begins while the queues are looked at is in the way, too`() async throws {
    try await withSite { site in
      let pool = PostgresPool(try configuration("tests", site), size: 1, waitAtMost: .seconds(30), maximumWaiters: 9)
      // Whoever wants to change the number waits for this.
      let holder = try await connection("tests", site)
      try await holder.execute(script: "BEGIN; SELECT value FROM settings FOR UPDATE")
      let change = Task { try await site.change(pool) }
      try await eventually("the change waits") {
        try await !site.database.pool.query(PostgresQuery(Self.waiting)).isEmpty
      }
      let gateway = try await connection("tickethub gateway", site)
      try await holder.execute(script: "COMMIT")
      await #expect(throws: RepartitioningFailure.self) { try await change.value }
      #expect(try await site.number() == one)
      for connection in [holder, gateway] { await connection.close() }
      await pool.close()
    }
  }

  private static let waiting = PostgresStatement(
    "test_waiting", "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")

  private func configuration(_ name: String, _ site: Site) throws -> PostgresConfiguration {
    var configuration = try PostgresConfiguration(url: site.database.url, applicationName: name)
    (configuration.connectTimeout, configuration.queryTimeout) = (.seconds(20), .seconds(70))
    (configuration.statementTimeout, configuration.lockTimeout) = (.seconds(60), .seconds(60))
    configuration.idleInTransactionTimeout = .seconds(60)
    return configuration
  }

  private func connection(_ name: String, _ site: Site) async throws -> PostgresConnection {
    try await PostgresConnection.connect(configuration(name, site))
  }
}
