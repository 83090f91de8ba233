public import Logging
import Pipeline
import RabbitMQ

/// One connection to the broker, made again after it was lost, and the topology on it.
public actor BrokerLink {
  private let configuration: RabbitMQConfiguration
  private let topology: Topology
  private let logger: Logger
  private var current: RabbitMQConnection?
  private var isConnecting = false
  /// Those that wait for the attempt under way.
  private var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
  private var lastTicket: UInt64 = 0
  private var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(1))
  private var nextAttempt = ContinuousClock.now
  private var lastFailure: RabbitMQError?
  private var isClosed = false

  /// - Parameters:
  ///   - name: what the broker shows for the connection.
  ///   - heartbeat: how soon a broker, or a client, that hangs is given up: within two to three times this.
  public init(url: String, name: String, heartbeat: Duration, topology: Topology, logger: Logger) throws {
    var configuration = try RabbitMQConfiguration(url: url)
    configuration.connectionName = name
    configuration.heartbeat = heartbeat
    self.configuration = configuration
    self.topology = topology
    self.logger = logger
  }

  /// The connection, with the topology declared; made if there is none.
  ///
  /// Making one can take long where the broker is busy, so nobody waits for it for longer than `patience`: it goes on meanwhile, and
  /// the next one finds it made.
  /// - Throws: also where the last attempt failed a moment ago.
  func connection(within patience: Duration) async throws(RabbitMQError) -> RabbitMQConnection {
    if let current, current.isOpen { return current }
    if !isConnecting && !isClosed && nextAttempt <= .now {
      isConnecting = true
      // Nobody's child: whoever asked first may stop waiting for it.
      Task { await connect() }
    }
    if isConnecting { await attemptEnds(within: patience) }
    if let current, current.isOpen { return current }
    throw lastFailure ?? RabbitMQError(code: .connectFailed, message: "RabbitMQ is away; connecting is under way.")
  }

  private func connect() async {
    do throws(RabbitMQError) {
      let connection = try await RabbitMQConnection.connect(configuration)
      try await topology.declare(on: connection)
      if isClosed { await connection.close() } else { current = connection }
      backoff.reset()
      lastFailure = nil
      logger.info("connected to RabbitMQ")
    } catch {
      if lastFailure == nil { logger.warning("cannot connect to RabbitMQ", metadata: ["reason": "\(error.message)"]) }
      lastFailure = error
      nextAttempt = .now + backoff.next()
    }
    isConnecting = false
    for continuation in waiting.values { continuation.resume() }
    waiting = [:]
  }

  private func attemptEnds(within patience: Duration) async {
    lastTicket += 1
    let ticket = lastTicket
    // Ended below, as soon as the wait is over.
    let limit = Task {
      try? await Task.sleep(for: patience)
      endWait(ticket)
    }
    await withCheckedContinuation { waiting[ticket] = $0 }
    limit.cancel()
  }

  private func endWait(_ ticket: UInt64) { waiting.removeValue(forKey: ticket)?.resume() }

  public func close() async {
    isClosed = true
    await current?.close()
    current = nil
  }
}
