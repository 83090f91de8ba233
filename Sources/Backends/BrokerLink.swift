import Pipeline
import RabbitMQ

/// One connection to the broker, made again after it was lost, and the topology on it.
public actor BrokerLink {
  private let configuration: RabbitMQConfiguration
  private let topology: Topology
  private var current: RabbitMQConnection?
  private var isConnecting = false
  /// Those that wait for the attempt under way.
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(1))
  private var nextAttempt = ContinuousClock.now

  /// - Parameters:
  ///   - name: what the broker shows for the connection.
  ///   - heartbeat: how soon a broker, or a client, that hangs is given up: within two to three times this.
  public init(url: String, name: String, heartbeat: Duration, topology: Topology) throws {
    var configuration = try RabbitMQConfiguration(url: url)
    configuration.connectionName = name
    configuration.heartbeat = heartbeat
    self.configuration = configuration
    self.topology = topology
  }

  /// The connection, with the topology declared; made if there is none.
  /// - Parameter isPatient: whether to wait for an attempt that is under way, which may take seconds, instead of failing at once.
  /// - Throws: also where the last attempt failed a moment ago.
  func connection(isPatient: Bool = false) async throws(RabbitMQError) -> RabbitMQConnection {
    if let current, current.isOpen { return current }
    if isConnecting, isPatient { await withCheckedContinuation { waiting.append($0) } }
    if let current, current.isOpen { return current }
    guard !isConnecting, nextAttempt <= .now else {
      throw RabbitMQError(code: .connectFailed, message: "RabbitMQ is away; connecting is tried again in a moment.")
    }
    isConnecting = true
    defer {
      isConnecting = false
      for continuation in waiting { continuation.resume() }
      waiting = []
    }
    do throws(RabbitMQError) {
      let connection = try await RabbitMQConnection.connect(configuration)
      try await topology.declare(on: connection)
      current = connection
      backoff.reset()
      return connection
    } catch {
      nextAttempt = .now + backoff.next()
      throw error
    }
  }

  public func close() async {
    await current?.close()
    current = nil
  }
}
