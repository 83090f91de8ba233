import PostgreSQL
import TestSupport
import Testing

@Suite struct PipelineTests {
  private static let insert = PostgresStatement("insert", "INSERT INTO seats VALUES ($1)")
  private static let count = PostgresQuery(PostgresStatement("count", "SELECT count(*) FROM seats"))
  private static let divide = PostgresStatement("divide", "SELECT 100 / $1::int4")

  private func connectWithSeats() async throws -> PostgresConnection {
    let connection = try await connect()
    try await connection.execute(script: "CREATE TEMPORARY TABLE seats (seat int4 PRIMARY KEY DEFERRABLE INITIALLY IMMEDIATE)")
    return connection
  }

  @Test func `a pipeline gives each query's result in order`() async throws {
    let connection = try await connectWithSeats()
    let results = try await connection.pipeline([
      PostgresQuery(Self.insert, .int4(1)), PostgresQuery(Self.insert, .int4(2)), Self.count, SQL.one,
    ])
    #expect(results.map(\.affectedRows) == [1, 1, 1, 1])
    #expect(try results[2][0].int8(0) == 2)
    #expect(try results[3][0].int4(0) == 1)
    #expect(try await connection.pipeline([]).isEmpty)
    await connection.close()
  }

  @Test func `an error in the third query undoes all, and the connection can be used on`() async throws {
    let connection = try await connectWithSeats()
    let error = try await postgresError {
      _ = try await connection.pipeline([1, 2, 1, 3].map { PostgresQuery(Self.insert, .int4($0)) })
    }
    #expect(error.isUniqueViolation)
    #expect(error.queryIndex == 2)
    #expect(try await connection.query(Self.count)[0].int8(0) == 0)
    _ = try await connection.pipeline([1, 2].map { PostgresQuery(Self.insert, .int4($0)) })
    #expect(try await connection.query(Self.count)[0].int8(0) == 2)
    await connection.close()
  }

  @Test func `an error of the commit itself is an error of the pipeline`() async throws {
    let connection = try await connect()
    try await connection.execute(
      script: "CREATE TEMPORARY TABLE seats (seat int4 CONSTRAINT late PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)")
    let error = try await postgresError {
      _ = try await connection.pipeline([PostgresQuery(Self.insert, .int4(1)), PostgresQuery(Self.insert, .int4(1)), SQL.one])
    }
    #expect(error.isUniqueViolation)
    #expect(error.constraint == "late")
    #expect(error.queryIndex == nil)
    #expect(try await connection.query(Self.count)[0].int8(0) == 0)
    await connection.close()
  }

  @Test func `after a failed pipeline every statement in it can be used, whether it had been prepared or not`() async throws {
    let connection = try await connectWithSeats()
    let before = PostgresQuery(PostgresStatement("before", "SELECT 'before'"))
    let after = PostgresQuery(PostgresStatement("after", "SELECT 'after'"))
    let error = try await postgresError {
      _ = try await connection.pipeline([before, PostgresQuery(Self.divide, .int4(0)), after])
    }
    #expect(error.sqlState == "22012")
    #expect(error.statement == "divide")
    for _ in 0..<2 {
      let results = try await connection.pipeline([after, PostgresQuery(Self.divide, .int4(4)), before])
      #expect(try results[0][0].text(0) == "after")
      #expect(try results[1][0].int4(0) == 25)
    }
    await connection.close()
  }

  @Test func `a statement that cannot be prepared fails alone`() async throws {
    let connection = try await connect()
    let wrong = PostgresQuery(PostgresStatement("wrong", "SELEKT 1"))
    for _ in 0..<2 {
      let error = try await postgresError { _ = try await connection.pipeline([SQL.one, wrong, SQL.one]) }
      #expect(error.sqlState == "42601")
      #expect(error.queryIndex == 1)
    }
    #expect(try await connection.query(SQL.one)[0].int4(0) == 1)
    await connection.close()
  }

  @Test func `one name with two meanings is refused`() async throws {
    let connection = try await connect()
    _ = try await connection.query(SQL.one)
    let otherText = PostgresQuery(PostgresStatement("one", "SELECT 2"))
    #expect(try await postgresError { _ = try await connection.query(otherText) }.sqlState == "42P05")
    let echo = PostgresStatement("echo", "SELECT $1")
    _ = try await connection.query(PostgresQuery(echo, .int8(1)))
    let otherType = PostgresQuery(echo, .timestamp(microsecondsSince1970: 1))
    #expect(try await postgresError { _ = try await connection.query(otherType) }.sqlState == "42P05")
    await connection.close()
  }

  @Test func `a statement that the server forgot is prepared again by a retry`() async throws {
    let connection = try await connect()
    _ = try await connection.query(SQL.one)
    try await connection.execute(script: "DEALLOCATE ALL")
    let error = try await postgresError { _ = try await connection.query(SQL.one) }
    #expect(error.sqlState == "26000")
    #expect(error.isRetryable)
    #expect(try await connection.query(SQL.one)[0].int4(0) == 1)
    await connection.close()
  }

  @Test func `a statement whose table changed is prepared again by a retry`() async throws {
    let connection = try await connectWithSeats()
    let all = PostgresQuery(PostgresStatement("all", "SELECT * FROM seats"))
    for column in ["price", "row"] {
      _ = try await connection.query(all)
      try await connection.execute(script: "ALTER TABLE seats ADD COLUMN \(column) int4; SET lc_messages = 'C.UTF-8'")
      let error = try await postgresError { _ = try await connection.query(all) }
      #expect(error.sqlState == "0A000")
      #expect(error.isRetryable)
      #expect(try await connection.query(all).isEmpty)
    }
    let unsupported = PostgresQuery(PostgresStatement("unsupported", "SELECT 1 FROM seats FOR UPDATE OF nothing"))
    #expect(try await !postgresError { _ = try await connection.query(unsupported) }.isRetryable)
    await connection.close()
  }

  @Test func `a pipeline larger than all buffers between here and the server comes through`() async throws {
    let connection = try await connect()
    let echo = PostgresStatement("echo", "SELECT $1::bytea")
    let block = [UInt8](repeating: 7, count: 50_000)
    let results = try await connection.pipeline(Array(repeating: PostgresQuery(echo, .bytes(block)), count: 400))
    #expect(results.count == 400)
    #expect(try results.allSatisfy { rows in try rows[0].bytes(0) == block })
    await connection.close()
  }

  @Test func `COPY is refused`() async throws {
    let connection = try await connect()
    let copy = PostgresQuery(PostgresStatement("copy", "COPY (SELECT 1) TO STDOUT"))
    _ = try await postgresError { _ = try await connection.query(copy) }
    let other = try await connect()
    let error = try await postgresError { try await other.execute(script: "COPY (SELECT 1) TO STDOUT") }
    #expect(error.sqlState == "0A000")
    #expect(!other.isOpen)
    await connection.close()
  }

  @Test func `a script is one transaction`() async throws {
    let connection = try await connectWithSeats()
    let error = try await postgresError {
      try await connection.execute(script: "INSERT INTO seats VALUES (1); SELECT 1 / 0; INSERT INTO seats VALUES (2)")
    }
    #expect(error.sqlState == "22012")
    #expect(try await connection.query(Self.count)[0].int8(0) == 0)
    try await connection.execute(script: "INSERT INTO seats VALUES (1); SELECT 1; INSERT INTO seats VALUES (2);")
    #expect(try await connection.query(Self.count)[0].int8(0) == 2)
    try await connection.execute(script: "")
    await connection.close()
  }
}
