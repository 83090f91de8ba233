import ArgumentParser
import Backends
import Gateway
import Logging
import Pipeline
import Redis
import ServiceLifecycle
import Telemetry
import UnixSignals

/// `tickethub gateway`
struct GatewayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway", abstract: "Serve the HTTP API: take requests into the queue, answer polls from Redis.")

  /// Connections to PostgreSQL for what the view can't answer: few, so that a gateway never becomes the database's burden.
  private static let databaseConnections = 4

  @Option(help: "Where to listen; TICKETHUB_HOST.") var host: String?
  @Option(help: "The port; TICKETHUB_PORT.") var port: Int?

  func validate() throws {
    if let port, !(0...65535).contains(port) { throw ValidationError("--port may be 0 to 65535") }
  }

  func run() async throws {
    let settings = try await Settings()
    let logger = try settings.logger("gateway")
    let topology = try settings.topology()
    let pool = try settings.pool("gateway", size: Self.databaseConnections)
    let redis = RedisClient.make(try settings.redis("gateway"), logger: logger)
    let notes = RedisClient.make(try settings.redis("gateway-intake"), logger: logger)
    let link = try settings.link("gateway", topology, logger)
    let publisher = RabbitCommandPublisher(link: link, topology: topology)
    let dependencies = GatewayDependencies(
      publisher: publisher,
      view: RedisView(redis, notes: notes),
      intakeThread: notes.taskThread,
      catalogue: RedisCatalogue(redis),
      changes: RedisChangeFeed(try settings.redis("gateway-changes"), partitioning: topology.partitioning, logger: logger),
      events: PostgresEventStore(pool),
      reservations: PostgresReservationStore(pool),
      accounts: PostgresAccounts(pool, hasher: PasswordHasher(), now: wallClock),
      deadLetters: PostgresDeadLetters(pool, publisher: publisher, partitioning: topology.partitioning),
      authority: try settings.tokenAuthority(),
      partitioning: topology.partitioning,
      rates: RedisRateCounter(redis),
      limits: try settings.rateLimits(),
      metrics: MetricRegistry(),
      now: wallClock,
      logger: logger)
    let check = PartitioningCheck(own: topology.partitioning, settings: PostgresSettings(pool), logger: logger)
    do {
      try await check.expectAgreement()
    } catch let error as StoreUnavailable {
      // A gateway starts without the database, but not against it; the check goes on.
      logger.warning("the number of partitions can't be compared yet", metadata: ["reason": "\(error)"])
    }
    let services = makeGateway(
      dependencies, host: host ?? settings.host(), port: try port ?? settings.port(),
      adminPort: try settings.adminPort())
    try await ServiceGroup(
      configuration: .init(services: [check] + services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    ).run()
    await link.close()
  }
}
