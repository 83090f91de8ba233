import Synchronization

/// A few connections to one server, made when they are first needed and shared by many tasks.
///
/// Tasks that find none free wait in the order in which they came, for a bounded time and in bounded number. After a connect has
/// failed, tasks that would need another one get that failure at once for a short while (50 ms, growing to 1.6 s while it goes on
/// failing), instead of all trying themselves.
public final class PostgresPool: Sendable {
  private let configuration: PostgresConfiguration
  private let waitAtMost: Duration
  private let state: Mutex<PoolState>
  private let waiterNumbers = Atomic<UInt64>(0)

  /// Connects to nothing yet.
  ///
  /// - Parameters:
  ///   - size: The greatest number of connections, and of threads.
  ///   - waitAtMost: How long a task waits for a connection to become free. Making one takes `connectTimeout` in addition.
  ///   - maximumWaiters: How many tasks may wait; more are refused at once.
  public init(_ configuration: PostgresConfiguration, size: Int, waitAtMost: Duration, maximumWaiters: Int) {
    precondition(size > 0, "a pool has at least one connection")
    (self.configuration, self.waitAtMost) = (configuration, waitAtMost)
    state = Mutex(PoolState(size: size, maximumWaiters: maximumWaiters))
  }

  /// Lends `body` a connection of its own, which it must not keep. One that comes back broken, or with a transaction open, is
  /// discarded.
  ///
  /// Throws `poolExhausted`, what connecting throws, `CancellationError` when cancelled while waiting, and what `body` throws.
  public func withConnection<R>(_ body: (PostgresConnection) async throws -> R) async throws -> R {
    let connection = try await acquire()
    defer { state.withLock { $0.giveBack(connection, at: .now) } }
    return try await body(connection)
  }

  /// See ``PostgresConnection/query(_:)``.
  public func query(_ query: PostgresQuery) async throws -> PostgresRows {
    try await withConnection { connection in try await connection.query(query) }
  }

  /// See ``PostgresConnection/pipeline(_:)``.
  public func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
    try await withConnection { connection in try await connection.pipeline(queries) }
  }

  /// See ``PostgresConnection/transaction(isolation:readOnly:_:)``.
  public func transaction<R>(
    isolation: PostgresIsolation = .readCommitted, readOnly: Bool = false,
    _ body: (PostgresTransaction) async throws -> R
  ) async throws -> R {
    try await withConnection { connection in
      try await connection.transaction(isolation: isolation, readOnly: readOnly, body)
    }
  }

  /// How many tasks wait for a connection at this moment: for a metric.
  public var waiterCount: Int { state.withLock { $0.waiterCount } }

  /// Closes the connections that are free, and the others as soon as they are. Waiting and later calls throw `poolExhausted`.
  public func close() async {
    for connection in state.withLock({ $0.close() }) { await connection.close() }
  }

  private func acquire() async throws -> PostgresConnection {
    let grant: PoolState.Grant
    if let immediate = try state.withLock({ state throws(PostgresError) in try state.request(at: .now) }) {
      grant = immediate
    } else {
      grant = try await wait()
    }
    switch grant {
    case .connection(let connection): return connection
    case .place: return try await connect()
    }
  }

  private func connect() async throws -> PostgresConnection {
    do {
      let connection = try await PostgresConnection.connect(configuration)
      state.withLock { $0.connected(at: .now) }
      return connection
    } catch {
      state.withLock { $0.connectFailed(error, at: .now, jitter: .random(in: 0.5...1)) }
      throw error
    }
  }

  private func wait() async throws -> PoolState.Grant {
    let number = waiterNumbers.add(1, ordering: .relaxed).newValue
    return try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        try await Task.sleep(for: self.waitAtMost)
        let reason = PostgresError(.poolExhausted, "no connection to PostgreSQL became free within \(self.waitAtMost)")
        self.state.withLock { $0.dismiss(number, reason) }
      }
      return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
          state.withLock { state in
            // A cancellation from now on finds the waiter in the queue; one from before is seen here.
            if Task.isCancelled {
              continuation.resume(throwing: CancellationError())
            } else {
              state.enqueue((number, continuation), at: .now)
            }
          }
        }
      } onCancel: {
        state.withLock { $0.dismiss(number, CancellationError()) }
      }
    }
  }
}
