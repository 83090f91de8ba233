import ArgumentParser
import Backends
import BlockingThread
import Gateway
import Logging
import Pipeline
import Redis
import ServiceLifecycle
import SystemPackage
import Telemetry
import UnixSignals
import Worker

/// `tickethub worker`
struct WorkerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker", abstract: "Decide requests: consume a share of the partitions, commit to PostgreSQL, show in Redis.")

  /// Connections to PostgreSQL for batches: as many are committed at the same time.
  private static let journalConnections = 4

  func run() async throws {
    let settings = try await Settings()
    let logger = try settings.logger("worker")
    let topology = try settings.topology()
    let journalPool = try settings.pool("worker", size: Self.journalConnections, waitAtMost: .seconds(10))
    // Of its own, so that a beat never waits for a batch.
    let membershipPool = try settings.pool("worker membership", size: 1)
    let check = PartitioningCheck(own: topology.partitioning, settings: PostgresSettings(membershipPool), logger: logger)
    try await check.awaitAgreement()
    let link = try settings.link("worker", topology, logger)
    let metrics = MetricRegistry()
    let publishingLink = try settings.link("worker marks", topology, logger)
    let worker = Worker(
      id: .random(in: .min ... .max),
      queue: RabbitCommandQueue(
        link: link, publisher: RabbitCommandPublisher(link: publishingLink, topology: topology), topology: topology),
      journal: PostgresJournal(journalPool),
      quarantine: PostgresQuarantine(journalPool),
      view: RedisProjection(RedisClient.make(try settings.redis("worker"), logger: logger)),
      membership: PostgresMembership(membershipPool, host: hostName()),
      partitioning: topology.partitioning,
      now: wallClock,
      metrics: metrics,
      executor: TaskThread(name: "consumers"),
      logger: logger,
      onReady: making(settings.readyFile(), logger),
      deciding: try testPoison(settings.testPoison()))
    var services: [any Service] = [check, worker]
    if let port = try settings.adminPort() {
      services.insert(makeAdminServer(metrics, host: settings.host(), port: port, logger: logger), at: 0)
    }
    try await ServiceGroup(
      configuration: .init(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    ).run()
    await link.close()
    await publishingLink.close()
  }
}

/// Makes a file: tells whoever started this process that it works, however little is logged.
private func making(_ file: String?, _ logger: Logger) -> (@Sendable () -> Void)? {
  guard let file else { return nil }
  return {
    do throws(Errno) {
      try writeFile(file, [UInt8]())
    } catch {
      logger.warning("can't tell that this worker is ready", metadata: ["file": "\(file)", "reason": "\(error)"])
    }
  }
}
