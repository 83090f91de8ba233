import Foundation
import PostgreSQL
import TestSupport
import Testing

/// The server goes away, restarts, hangs. Each test has a server of its own.
@Suite struct FaultTests {
  /// A pool with short times, which still leave a healthy server on a busy machine room.
  private func pool(_ server: TestServer, size: Int = 3) throws -> PostgresPool {
    var configuration = try configuration(server.url, query: .seconds(3), statement: nil)
    configuration.connectTimeout = .seconds(3)
    return PostgresPool(configuration, size: size, waitAtMost: .seconds(3), maximumWaiters: 100)
  }

  private func fill(_ pool: PostgresPool) async throws {
    try await pool.withConnection { _ in
      try await pool.withConnection { _ in
        try await pool.withConnection { connection in _ = try await connection.query(SQL.one) }
      }
    }
  }

  @Test func `while the server is away there are errors in bounded time, and afterwards the pool works again`() async throws {
    try await TestServer.withOwn(.postgres) { server in
      let pool = try pool(server)
      try await fill(pool)
      try await server.stop()
      for _ in 0..<20 {
        let time = try await elapsed {
          let error = try await postgresError { _ = try await pool.query(SQL.one) }
          #expect([.connectFailed, .connectionLost].contains(error.code), "\(error)")
          #expect(error.isRetryable)
        }
        #expect(time < .seconds(8))
      }
      try await server.start()
      try await eventually("the pool works again") { try await pool.query(SQL.one)[0].int4(0) == 1 }
      try await fill(pool)
      await pool.close()
    }
  }

  @Test func `after a crash of the server the pool works again by itself`() async throws {
    try await TestServer.withOwn(.postgres) { server in
      let pool = try pool(server)
      try await fill(pool)
      let underWay = Task { try await pool.query(SQL.sleep) }
      try await pool.withConnection { connection in
        let asleep = PostgresQuery(
          PostgresStatement("asleep", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
        try await eventually("the other query runs") { try await connection.query(asleep)[0].int8(0) == 1 }
      }
      try await server.kill()
      let error = try await postgresError { _ = try await underWay.value }
      #expect(error.code == .connectionLost)
      try await server.start()
      try await eventually("the pool works again") { try await pool.query(SQL.one)[0].int4(0) == 1 }
      try await fill(pool)
      await pool.close()
    }
  }

  @Test func `an immediate shutdown is noticed by queries under way and by idle connections`() async throws {
    try await TestServer.withOwn(.postgres) { server in
      let connection = try await PostgresConnection.connect(configuration(server.url))
      let observer = try await PostgresConnection.connect(configuration(server.url))
      let underWay = Task { try await connection.query(SQL.sleep) }
      let asleep = PostgresQuery(
        PostgresStatement("asleep", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
      try await eventually("the query runs") { try await observer.query(asleep)[0].int8(0) == 1 }
      kill(try server.pid, SIGQUIT)  // what pg_ctl stop -m immediate sends
      let error = try await postgresError { _ = try await underWay.value }
      #expect(error.code == .connectionLost)
      #expect(!connection.isOpen)
      try await eventually("the idle connection is noticed to have ended") { !observer.isOpen }
    }
  }

  @Test func `while the server hangs, every call returns in bounded time, and afterwards the pool works again`() async throws {
    try await TestServer.withOwn(.postgres) { server in
      let pool = try pool(server)
      try await fill(pool)
      let idle = try await PostgresConnection.connect(configuration(server.url))
      try await server.suspend()
      let times = try await (
        query: elapsed {
          let error = try await postgresError { _ = try await pool.query(SQL.one) }
          #expect(error.code == .timedOut)
        },
        transaction: elapsed {
          let error = try await postgresError { try await pool.transaction { _ in } }
          #expect(error.code == .timedOut)
        },
        connect: elapsed {
          var configuration = try configuration(server.url)
          configuration.connectTimeout = .seconds(1)
          let error = try await postgresError { _ = try await PostgresConnection.connect(configuration) }
          #expect(error.code == .connectFailed)
          #expect(error.message.contains("did not answer within"), "\(error)")
        },
        close: elapsed { await idle.close() },
        closePool: elapsed { await pool.close() }
      )
      #expect(times.query < .seconds(10) && times.transaction < .seconds(10) && times.connect < .seconds(8))
      #expect(times.close < .seconds(5) && times.closePool < .seconds(5))
      try server.resume()
      let next = try self.pool(server)
      try await eventually("the server answers") { try await next.query(SQL.one)[0].int4(0) == 1 }
      await next.close()
    }
  }

  @Test func `a pool survives a server that hung for longer than its timeouts`() async throws {
    try await TestServer.withOwn(.postgres) { server in
      let pool = try pool(server)
      try await fill(pool)
      try await server.suspend()
      await withTaskGroup { group in
        for _ in 0..<12 { group.addTask { _ = try? await pool.query(SQL.one) } }
      }
      try server.resume()
      try await eventually("the pool works again") { try await pool.query(SQL.one)[0].int4(0) == 1 }
      try await fill(pool)
      await pool.close()
    }
  }

  @Test func `a backend ended between two calls is noticed, and the pool replaces it`() async throws {
    let pool = PostgresPool(
      try configuration(await TestServer.shared(.postgres).url), size: 1, waitAtMost: .seconds(10), maximumWaiters: 10)
    let (connection, backend) = try await pool.withConnection { connection in
      (connection, try await connection.query(SQL.backend)[0].int4(0))
    }
    let other = try await connect()
    _ = try await other.query(PostgresQuery(SQL.terminate, .int4(backend)))
    try await eventually("the end is noticed") { !connection.isOpen }
    #expect(try await pool.query(SQL.backend)[0].int4(0) != backend)
    await other.close()
    await pool.close()
  }

  @Test func `a connection that is dropped closes itself`() async throws {
    let observer = try await connect()
    let backend = try await connect().query(SQL.backend)[0].int4(0)
    let isThere = PostgresStatement("is there", "SELECT count(*) FROM pg_stat_activity WHERE pid = $1")
    try await eventually("the backend has ended") {
      try await observer.query(PostgresQuery(isThere, .int4(backend)))[0].int8(0) == 0
    }
    await observer.close()
  }

  @Test func `a backend ended during a query says why`() async throws {
    let connection = try await connect()
    let error = try await postgresError {
      _ = try await connection.query(
        PostgresQuery(
          PostgresStatement("suicide", "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)")))
    }
    #expect(error.code == .connectionLost)
    #expect(error.sqlState == "57P01")
    #expect(!connection.isOpen)
  }

  @Test func `a transaction that is left idle for too long is ended by the server`() async throws {
    var configuration = try configuration(await TestServer.shared(.postgres).url)
    configuration.idleInTransactionTimeout = .milliseconds(100)
    let connection = try await PostgresConnection.connect(configuration)
    let error = try await postgresError {
      try await connection.transaction { transaction in
        _ = try await transaction.query(SQL.one)
        try await eventually(within: .seconds(30), "the end is noticed") { !connection.isOpen }
      }
    }
    #expect(error.code == .connectionLost)
  }

  @Test func `a backend ended during a transaction fails it, and nothing is committed`() async throws {
    let connection = try await connect()
    let other = try await connect()
    try await other.execute(script: "DROP TABLE IF EXISTS ended; CREATE TABLE ended (n int4)")
    let error = try await postgresError {
      try await connection.transaction { transaction in
        try await transaction.execute(script: "INSERT INTO ended VALUES (1)")
        let backend = try await transaction.query(SQL.backend)[0].int4(0)
        _ = try await other.query(PostgresQuery(SQL.terminate, .int4(backend)))
        try await eventually("the end is noticed") { !connection.isOpen }
      }
    }
    #expect(error.code == .connectionLost)
    #expect(try await other.query(PostgresQuery(PostgresStatement("count", "SELECT count(*) FROM ended")))[0].int8(0) == 0)
    try await other.execute(script: "DROP TABLE ended")
    await other.close()
  }
}
