/// Who gets a connection, who waits, who is refused; for ``PostgresPool``, which does the connecting and the waiting.
///
/// First come, first served. While connecting fails, one attempt is made at a time, and none for a short while after each
/// failure.
struct PoolState {
  /// What somebody who asked is given.
  enum Grant {
    case connection(PostgresConnection)
    /// A place in the pool, to be filled by connecting.
    case place
  }

  typealias Waiter = (number: UInt64, continuation: CheckedContinuation<Grant, any Error>)

  private let size: Int
  private let maximumWaiters: Int
  private var idle: [PostgresConnection] = []
  /// Connections that exist or are being made, the idle ones included.
  private var total = 0
  private var connecting = 0
  private var waiters: [Waiter] = []
  /// Since connecting last succeeded.
  private var failures = 0
  private var lastFailure: PostgresError?
  private var nextAttempt = ContinuousClock.now
  private var isClosed = false

  init(size: Int, maximumWaiters: Int) { (self.size, self.maximumWaiters) = (size, maximumWaiters) }

  var waiterCount: Int { waiters.count }

  /// Gives what is there; nil means that one has to wait. Throws if that is no use.
  mutating func request(at now: ContinuousClock.Instant) throws(PostgresError) -> Grant? {
    guard !isClosed else { throw Self.closed }
    serveWaiters(at: now)
    if waiters.isEmpty, let grant = take(at: now) { return grant }
    if total == 0, let lastFailure { throw lastFailure }
    guard waiters.count < maximumWaiters else {
      throw PostgresError(
        .poolExhausted, "all \(size) connections to PostgreSQL are in use, and \(waiters.count) tasks wait for one already")
    }
    return nil
  }

  /// Gives the waiter what is there by now, or lets it wait.
  mutating func enqueue(_ waiter: Waiter, at now: ContinuousClock.Instant) {
    do {
      if let grant = try request(at: now) {
        waiter.continuation.resume(returning: grant)
      } else {
        waiters.append(waiter)
      }
    } catch {
      waiter.continuation.resume(throwing: error)
    }
  }

  /// Lets a waiter go empty-handed. Does nothing if it waits no more.
  mutating func dismiss(_ number: UInt64, _ reason: any Error) {
    guard let index = waiters.firstIndex(where: { $0.number == number }) else { return }
    waiters.remove(at: index).continuation.resume(throwing: reason)
  }

  /// A place was filled; its connection is in use.
  mutating func connected(at now: ContinuousClock.Instant) {
    connecting -= 1
    (failures, lastFailure) = (0, nil)
    serveWaiters(at: now)
  }

  /// A place could not be filled. `jitter`, from 0.5 to 1, keeps many processes from trying again in step.
  mutating func connectFailed(_ error: PostgresError, at now: ContinuousClock.Instant, jitter: Double) {
    connecting -= 1
    total -= 1
    let backoff = Duration.milliseconds(100) * (1 << min(failures, 4))
    // Attempts that were under way together count as one.
    if connecting == 0 || failures == 0 { failures += 1 }
    (lastFailure, nextAttempt) = (error, now + backoff * jitter)
    serveWaiters(at: now)
  }

  /// A connection is in use no more.
  mutating func giveBack(_ connection: PostgresConnection, at now: ContinuousClock.Instant) {
    if isClosed || !connection.isReusable {
      // It closes itself when the last reference to it goes.
      total -= 1
    } else {
      idle.append(connection)
    }
    serveWaiters(at: now)
  }

  /// Refuses everybody from now on. Gives the connections to close; those in use follow when they are given back.
  mutating func close() -> [PostgresConnection] {
    isClosed = true
    for waiter in waiters { waiter.continuation.resume(throwing: Self.closed) }
    waiters = []
    defer { idle = [] }
    total -= idle.count
    return idle
  }

  private mutating func serveWaiters(at now: ContinuousClock.Instant) {
    while !waiters.isEmpty, let grant = take(at: now) { waiters.removeFirst().continuation.resume(returning: grant) }
    // Nobody has a connection to give back, and none can be made at the moment.
    guard total == 0, let lastFailure else { return }
    for waiter in waiters { waiter.continuation.resume(throwing: lastFailure) }
    waiters = []
  }

  /// An idle connection, the one used last first, or a free place.
  private mutating func take(at now: ContinuousClock.Instant) -> Grant? {
    while let connection = idle.popLast() {
      if connection.isReusable { return .connection(connection) }
      total -= 1
    }
    guard total < size, failures == 0 || (connecting == 0 && now >= nextAttempt) else { return nil }
    total += 1
    connecting += 1
    return .place
  }

  private static let closed = PostgresError(.poolExhausted, "the pool of connections to PostgreSQL was closed")
}
