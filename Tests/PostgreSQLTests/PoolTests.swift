import Glibc
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@Suite struct PoolTests {
  private struct Refusal: Error, Equatable {}

  /// A pool on the shared server. Its connections are told apart from those of other tests by `name`.
  private func pool(
    size: Int, wait: Duration = .seconds(30), waiters: Int = 1000, name: String = "pool tests"
  ) async throws -> PostgresPool {
    let encoded = name.replacing(" ", with: "%20")
    let url = try await TestServer.shared(.postgres).url + "?application_name=" + encoded
    return PostgresPool(try configuration(url), size: size, waitAtMost: wait, maximumWaiters: waiters)
  }

  @Test func `a pool makes a connection only when one is needed, and uses it again`() async throws {
    let pool = try await pool(size: 3)
    let first = try await pool.query(SQL.backend)[0].int4(0)
    for _ in 0..<10 { #expect(try await pool.query(SQL.backend)[0].int4(0) == first) }
    await pool.close()
  }

  @Test func `those who wait are served in the order in which they came`() async throws {
    let pool = try await pool(size: 1)
    let served = Recorder()
    try await withThrowingTaskGroup { group in
      try await pool.withConnection { _ in
        for number in 0..<8 {
          group.addTask { try await pool.withConnection { _ in served.record(number) } }
          try await eventually("task \(number) waits") { pool.waiterCount == number + 1 }
        }
      }
      try await group.waitForAll()
    }
    #expect(served.numbers == Array(0..<8))
    await pool.close()
  }

  @Test func `a wait ends after its time, and the next one after that is served`() async throws {
    let pool = try await pool(size: 1, wait: .milliseconds(50))
    try await pool.withConnection { _ in
      let error = try await postgresError { _ = try await pool.query(SQL.one) }
      #expect(error.code == .poolExhausted)
      #expect(error.isRetryable)
      #expect(pool.waiterCount == 0)
    }
    #expect(try await pool.query(SQL.one)[0].int4(0) == 1)
    await pool.close()
  }

  @Test func `more waiters than allowed are refused at once`() async throws {
    let pool = try await pool(size: 1, waiters: 1)
    try await withThrowingTaskGroup { group in
      try await pool.withConnection { _ in
        group.addTask { _ = try await pool.query(SQL.one) }
        try await eventually("a task waits") { pool.waiterCount == 1 }
        #expect(try await postgresError { _ = try await pool.query(SQL.one) }.code == .poolExhausted)
      }
      try await group.waitForAll()
    }
    await pool.close()
  }

  @Test func `a cancelled task stops waiting`() async throws {
    let pool = try await pool(size: 1)
    try await pool.withConnection { _ in
      let waiting = Task { try await pool.query(SQL.one) }
      try await eventually("the task waits") { pool.waiterCount == 1 }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
      #expect(pool.waiterCount == 0)
      let late = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await pool.query(SQL.one)
      }
      await #expect(throws: CancellationError.self) { try await late.value }
    }
    #expect(try await pool.query(SQL.one)[0].int4(0) == 1)
    await pool.close()
  }

  @Test func `errors, cancellations and broken connections leave no place in the pool lost`() async throws {
    let pool = try await pool(size: 3, name: "leak test")
    await withTaskGroup { group in
      for number in 0..<300 {
        group.addTask {
          _ = try? await pool.withConnection { connection in
            switch number % 6 {
            case 0: throw Refusal()
            case 1: await connection.close()
            case 2: try await connection.execute(script: "SELECT 1 / 0")
            case 3: try await connection.execute(script: "BEGIN")
            case 4: try await connection.transaction { _ in throw Refusal() }
            default: _ = try await connection.query(SQL.one)
            }
          }
        }
        if number % 10 == 0 {
          let cancelled = Task { try await pool.query(SQL.one) }
          cancelled.cancel()
          group.addTask { _ = try? await cancelled.value }
        }
      }
    }
    #expect(pool.waiterCount == 0)
    // All three places can be filled at the same time, and the server has no more connections than those.
    try await pool.withConnection { first in
      try await pool.withConnection { second in
        try await pool.withConnection { third in
          for connection in [first, second, third] { #expect(try await connection.query(SQL.one)[0].int4(0) == 1) }
          let count = PostgresQuery(
            PostgresStatement("backends", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leak test'"))
          try await eventually("three backends") { try await third.query(count)[0].int8(0) == 3 }
        }
      }
    }
    await pool.close()
  }

  @Test func `a transaction left open is not handed to the next user`() async throws {
    let pool = try await pool(size: 1)
    let first = try await pool.withConnection { connection in
      try await connection.execute(script: "BEGIN")
      return try await connection.query(SQL.backend)[0].int4(0)
    }
    #expect(try await pool.query(SQL.backend)[0].int4(0) != first)
    await pool.close()
  }

  @Test func `a closed pool refuses, also those who wait, and closes what is in use when it comes back`() async throws {
    let pool = try await pool(size: 1)
    let kept = try await pool.withConnection { connection in
      let waiting = Task { try await pool.query(SQL.one) }
      try await eventually("the task waits") { pool.waiterCount == 1 }
      await pool.close()
      #expect(try await postgresError { _ = try await waiting.value }.code == .poolExhausted)
      return try await connection.query(SQL.backend)[0].int4(0)
    }
    #expect(try await postgresError { _ = try await pool.query(SQL.one) }.code == .poolExhausted)
    let observer = try await connect()
    let isThere = PostgresStatement("is there", "SELECT count(*) FROM pg_stat_activity WHERE pid = $1")
    try await eventually("the connection closed") {
      try await observer.query(PostgresQuery(isThere, .int4(kept)))[0].int8(0) == 0
    }
    await observer.close()
  }

  @Test func `while connecting fails, attempts do not pile up`() async throws {
    // Accepts connections in the kernel, and never says a word.
    let listener = try Listener(port: await reservePorts())
    var silent = try configuration("postgres://user:secret@127.0.0.1:\(listener.port)/database")
    silent.connectTimeout = .milliseconds(200)
    let pool = PostgresPool(silent, size: 4, waitAtMost: .seconds(30), maximumWaiters: 1000)
    let time = try await elapsed {
      try await withThrowingTaskGroup { group in
        for _ in 0..<200 {
          group.addTask { try await postgresError { _ = try await pool.query(SQL.one) } }
        }
        for try await error in group { #expect(error.code == .connectFailed) }
      }
    }
    // One for each place at first, then one at a time, of which each takes its 200 ms.
    #expect(listener.countConnections() <= 4 + 1 + Int(time / .milliseconds(200)))

    await pool.close()
  }
}

private final class Recorder: Sendable {
  private let recorded = Mutex<[Int]>([])

  var numbers: [Int] { recorded.withLock { $0 } }

  func record(_ number: Int) { recorded.withLock { $0.append(number) } }
}

/// A listening socket on which nobody answers.
private final class Listener {
  let port: Int
  private let socket: CInt

  init(port: Int) throws {
    self.port = port
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    var yes: CInt = 1  // connections of an earlier listener that linger in TIME_WAIT are no hindrance
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
    try #require(bindToLoopback(socket, port: port) == 0 && listen(socket, 1000) == 0)
  }

  deinit { close(socket) }

  /// How many have connected since this was last asked.
  func countConnections() -> Int {
    var count = 0
    while true {
      let connection = accept(socket, nil, nil)
      guard connection >= 0 else { return count }
      close(connection)
      count += 1
    }
  }
}
