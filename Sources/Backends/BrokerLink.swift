public import Logging
public import Pipeline
import RabbitMQ

/// One connection to the broker, made again after it was lost, and the topology on it.
public actor BrokerLink {
  private let configuration: RabbitMQConfiguration
  private let topology: Topology
  private let time: Timekeeper
  private let logger: Logger
  private let attempts: SingleFlight<Void>
  private var current: RabbitMQConnection?
  private var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(1))
  private var nextAttempt: ContinuousClock.Instant
  private var lastFailure: RabbitMQError?
  private var isClosed = false

  /// - Parameters:
  ///   - name: what the broker shows for the connection.
  ///   - heartbeat: how soon a broker, or a client, that hangs is given up: within two to three times this.
  ///   - time: how the limits of waits, and the pauses between attempts, are measured.
  public init(
    url: String, name: String, heartbeat: Duration, topology: Topology, time: Timekeeper = .system, logger: Logger
  ) throws {
    var configuration = try RabbitMQConfiguration(url: url)
    configuration.connectionName = name
    configuration.heartbeat = heartbeat
    self.configuration = configuration
    self.topology = topology
    self.time = time
    self.logger = logger
    attempts = SingleFlight(time: time)
    nextAttempt = time.now()
  }

  /// The connection, with the topology declared; made if there is none.
  ///
  /// Making one can take long where the broker is busy, so nobody waits for it for longer than `patience`: it goes on meanwhile, and
  /// the next one finds it made.
  /// - Throws: also where the last attempt failed a moment ago.
  func connection(within patience: Duration) async throws(RabbitMQError) -> RabbitMQConnection {
    if let current, current.isOpen { return current }
    let mayConnect = !isClosed && nextAttempt <= time.now()
    await attempts.outcome(within: patience, beginning: mayConnect) { await self.connect() }
    if let current, current.isOpen { return current }
    throw lastFailure ?? RabbitMQError(code: .connectFailed, message: "RabbitMQ is away; connecting is under way.")
  }

  private func connect() async {
    do throws(RabbitMQError) {
      let connection = try await RabbitMQConnection.connect(configuration)
      let others = try await topology.declare(on: connection)
      if !others.isEmpty {
        logger.warning(
          "queues keep the limit that they were made with, which is not TICKETHUB_QUEUE_LIMIT",
          metadata: ["queues": "\(others.count)"])
      }
      if isClosed { await connection.close() } else { current = connection }
      backoff.reset()
      lastFailure = nil
      logger.info("connected to RabbitMQ")
    } catch {
      if lastFailure == nil { logger.warning("cannot connect to RabbitMQ", metadata: ["reason": "\(error.message)"]) }
      lastFailure = error
      nextAttempt = time.now() + backoff.next()
    }
  }

  public func close() async {
    isClosed = true
    await current?.close()
    current = nil
  }
}
