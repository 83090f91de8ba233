import PostgreSQL
import TestSupport
import Testing

@Suite struct TransactionTests {
  private struct Refusal: Error, Equatable {}

  private static let insert = PostgresStatement("insert", "INSERT INTO seats VALUES ($1)")
  private static let count = PostgresQuery(PostgresStatement("count", "SELECT count(*) FROM seats"))

  private func connectWithSeats() async throws -> PostgresConnection {
    let connection = try await connect()
    try await connection.execute(script: "CREATE TEMPORARY TABLE seats (seat int4 PRIMARY KEY)")
    return connection
  }

  @Test func `a transaction commits what its body did`() async throws {
    let connection = try await connectWithSeats()
    let seen = try await connection.transaction { transaction in
      _ = try await transaction.query(PostgresQuery(Self.insert, .int4(1)))
      _ = try await transaction.pipeline([2, 3].map { PostgresQuery(Self.insert, .int4($0)) })
      try await transaction.execute(script: "INSERT INTO seats VALUES (4); INSERT INTO seats VALUES (5)")
      return try await transaction.query(Self.count)[0].int8(0)
    }
    #expect(seen == 5)
    #expect(try await connection.query(Self.count)[0].int8(0) == 5)
    await connection.close()
  }

  @Test func `a transaction is rolled back when its body throws`() async throws {
    let connection = try await connectWithSeats()
    await #expect(throws: Refusal.self) {
      try await connection.transaction { transaction in
        _ = try await transaction.query(PostgresQuery(Self.insert, .int4(1)))
        throw Refusal()
      }
    }
    let failed = try await postgresError {
      try await connection.transaction { transaction in
        _ = try await transaction.pipeline([1, 1].map { PostgresQuery(Self.insert, .int4($0)) })
      }
    }
    #expect(failed.isUniqueViolation)
    #expect(try await connection.query(Self.count)[0].int8(0) == 0)
    await connection.close()
  }

  @Test func `a transaction is rolled back when its task is cancelled`() async throws {
    let connection = try await connectWithSeats()
    let task = Task {
      try await connection.transaction { transaction in
        _ = try await transaction.query(PostgresQuery(Self.insert, .int4(1)))
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(try await connection.query(Self.count)[0].int8(0) == 0)
    await connection.close()
  }

  @Test func `an error that the body swallows still fails the transaction`() async throws {
    let connection = try await connectWithSeats()
    let error = try await postgresError {
      try await connection.transaction { transaction in
        _ = try await transaction.query(PostgresQuery(Self.insert, .int4(1)))
        _ = try? await transaction.query(PostgresQuery(Self.insert, .int4(1)))
      }
    }
    #expect(error.sqlState == "25P02")
    #expect(try await connection.query(Self.count)[0].int8(0) == 0)
    await connection.close()
  }

  @Test func `a conflicting write is a serialization failure that can be retried`() async throws {
    let url = try await TestServer.shared(.postgres).url
    let first = try await PostgresConnection.connect(configuration(url))
    let second = try await PostgresConnection.connect(configuration(url))
    try await first.execute(script: "DROP TABLE IF EXISTS conflict; CREATE TABLE conflict AS SELECT 1 AS n")
    let add = PostgresQuery(PostgresStatement("add", "UPDATE conflict SET n = n + 1"))
    let error = try await postgresError {
      try await first.transaction(isolation: .repeatableRead) { transaction in
        _ = try await transaction.query(SQL.one)
        _ = try await second.query(add)
        _ = try await transaction.query(add)
      }
    }
    #expect(error.isSerializationFailure)
    #expect(error.isRetryable)
    try await first.execute(script: "DROP TABLE conflict")
    await first.close()
    await second.close()
  }

  @Test func `a read-only transaction refuses to write`() async throws {
    let connection = try await connect()
    let error = try await postgresError {
      try await connection.transaction(readOnly: true) { transaction in
        try await transaction.execute(script: "CREATE TABLE never (n int4)")
      }
    }
    #expect(error.sqlState == "25006")
    await connection.close()
  }

  @Test func `a query that slips into an open transaction stops the process`() async throws {
    let url = try await TestServer.shared(.postgres).url
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [url = url as String] in
      let connection = try await PostgresConnection.connect(configuration(url))
      try await connection.transaction { _ in _ = try await connection.query(SQL.one) }
    }
    let complaint = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(complaint.contains("a transaction is open on this connection"))
  }

  @Test func `a hundred thousand rows are read in chunks, each row once`() async throws {
    let connection = try await connect()
    let series = PostgresStatement("series", "SELECT n::int8, 'row ' || n FROM generate_series(1, $1::int8) AS n ORDER BY n")
    var next: Int64 = 1
    var largest = 0
    try await connection.forEachRow(PostgresQuery(series, .int8(100_000)), chunk: 1000) { rows in
      largest = max(largest, rows.count)
      for row in rows {
        let number = try row.int8(0)
        guard number == next else { throw Refusal() }
        next += 1
      }
    }
    #expect(next == 100_001)
    #expect(largest == 1000)
    await connection.close()
  }

  @Test func `reading in chunks ends with the error of its reader, and the connection can be used on`() async throws {
    let connection = try await connect()
    let series = PostgresQuery(PostgresStatement("series", "SELECT generate_series(1, 1000)"))
    var chunks = 0
    await #expect(throws: Refusal.self) {
      try await connection.forEachRow(series, chunk: 100) { _ in
        chunks += 1
        if chunks == 3 { throw Refusal() }
      }
    }
    #expect(chunks == 3)
    var rows = 0
    for size in [1, 999, 1000, 1001] {
      rows = 0
      try await connection.forEachRow(series, chunk: size) { rows += $0.count }
      #expect(rows == 1000)
    }
    try await connection.forEachRow(PostgresQuery(PostgresStatement("none", "SELECT 1 WHERE false")), chunk: 10) { _ in
      Issue.record("there is no row to read")
    }
    await connection.close()
  }
}
