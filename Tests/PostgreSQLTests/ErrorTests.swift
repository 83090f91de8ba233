import PostgreSQL
import TestSupport
import Testing

@Suite struct ErrorTests {
  @Test func `a violated constraint is reported with its name and code`() async throws {
    let connection = try await connect()
    try await connection.execute(
      script: """
        CREATE TEMPORARY TABLE seats (
          seat int4 CONSTRAINT one_seat PRIMARY KEY, price int4 CONSTRAINT not_negative CHECK (price >= 0))
        """)
    let insert = PostgresStatement("insert", "INSERT INTO seats VALUES ($1, $2)")
    _ = try await connection.query(PostgresQuery(insert, .int4(1), .int4(0)))
    let duplicate = try await postgresError { _ = try await connection.query(PostgresQuery(insert, .int4(1), .int4(0))) }
    #expect(duplicate.code == .server)
    #expect(duplicate.isUniqueViolation)
    #expect(duplicate.constraint == "one_seat")
    #expect(duplicate.table == "seats")
    #expect(duplicate.detail == "Key (seat)=(1) already exists.")
    #expect(duplicate.statement == "insert")
    #expect(!duplicate.isRetryable)
    #expect(!"\(duplicate)".contains("(1)"), "the description quotes no values")
    let negative = try await postgresError { _ = try await connection.query(PostgresQuery(insert, .int4(2), .int4(-1))) }
    #expect(negative.isCheckViolation)
    #expect(negative.constraint == "not_negative")
    #expect(connection.isOpen)
    await connection.close()
  }

  @Test func `an exception that a function raises is visible with its own code`() async throws {
    let connection = try await connect()
    let raise = PostgresStatement(
      "raise", "DO $$ BEGIN RAISE EXCEPTION 'fenced' USING ERRCODE = 'TH001', HINT = 'load again'; END $$")
    let error = try await postgresError { _ = try await connection.query(PostgresQuery(raise)) }
    #expect(error.sqlState == "TH001")
    #expect(error.message == "fenced")
    #expect(error.hint == "load again")
    await connection.close()
  }

  @Test func `a statement that takes too long is stopped by the server, and the connection can be used on`() async throws {
    let url = try await TestServer.shared(.postgres).url
    let connection = try await PostgresConnection.connect(configuration(url, statement: .milliseconds(100)))
    let error = try await postgresError { _ = try await connection.query(SQL.sleep) }
    #expect(error.isStatementTimeout)
    #expect(error.isRetryable)
    #expect(try await connection.query(SQL.one)[0].int4(0) == 1)
    await connection.close()
  }

  @Test func `a lock that is not given in time is an error, and the connection can be used on`() async throws {
    let url = try await TestServer.shared(.postgres).url
    let holder = try await connect()
    let lock = PostgresStatement("lock", "SELECT pg_advisory_lock($1)")
    _ = try await holder.query(PostgresQuery(lock, .int8(4711)))
    let other = try await PostgresConnection.connect(configuration(url, lock: .milliseconds(100)))
    let error = try await postgresError { _ = try await other.query(PostgresQuery(lock, .int8(4711))) }
    #expect(error.isLockTimeout)
    #expect(error.isRetryable)
    #expect(try await other.query(SQL.one)[0].int4(0) == 1)
    await holder.close()
    await other.close()
  }

  @Test func `without an answer in time the connection is given up`() async throws {
    let url = try await TestServer.shared(.postgres).url
    let connection = try await PostgresConnection.connect(
      configuration(url, query: .milliseconds(300), statement: .seconds(20)))
    let error = try await postgresError { _ = try await connection.query(SQL.sleep) }
    #expect(error.code == .timedOut)
    #expect(error.isRetryable)
    #expect(!connection.isOpen)
    #expect(try await postgresError { _ = try await connection.query(SQL.one) }.code == .connectionLost)
  }

  @Test func `a wrong password is told apart from a server that is away, and is not shown`() async throws {
    let url = try await TestServer.shared(.postgres).url
    let password = try #require(url.split(separator: ":")[2].split(separator: "@").first)
    let wrong = try configuration(url.replacing(password, with: "not-the-secret"))
    let refused = try await postgresError { _ = try await PostgresConnection.connect(wrong) }
    #expect(refused.code == .authenticationFailed)
    #expect(refused.sqlState == "28P01")
    #expect(!refused.isRetryable)
    #expect(!"\(refused) \(wrong)".contains("not-the-secret"))
    let missing = try configuration(url.replacing(":\(password)", with: ""))
    #expect(try await postgresError { _ = try await PostgresConnection.connect(missing) }.code == .authenticationFailed)
  }

  @Test func `a missing database and a closed port say so`() async throws {
    let server = try await TestServer.shared(.postgres)
    let noDatabase = try configuration(server.url.replacing(/[a-z]+$/, with: "no_such_database"))
    let missing = try await postgresError { _ = try await PostgresConnection.connect(noDatabase) }
    #expect(missing.code == .connectFailed)
    #expect(missing.sqlState == "3D000")
    #expect(!missing.isRetryable)
    let port = try await reservePorts()
    let nobody = try configuration("postgres://user:secret@127.0.0.1:\(port)/database")
    let refused = try await postgresError { _ = try await PostgresConnection.connect(nobody) }
    #expect(refused.code == .connectFailed)
    #expect(refused.isRetryable)
    #expect(refused.message == "PostgreSQL at 127.0.0.1:\(port) refused the connection; is it running?")
  }

  @Test(arguments: [
    "", "localhost", "http://localhost", "postgres://user:open@sesame@localhost/x", "postgres://user:sesame/1@localhost/x",
    "postgres://localhost/x?sesame=1", "postgres://user:sesame%ZZ@localhost/x", "postgres://localhost:70000/x",
  ])
  func `a URL that is none is refused without being quoted`(url: String) throws {
    let error = try #require(
      #expect(throws: PostgresError.self) { try PostgresConfiguration(url: url, applicationName: "tests") })
    #expect(error.code == .invalidURL)
    #expect(!"\(error)".contains("same"))
  }

  @Test func `what the URL sets for the session takes precedence`() async throws {
    let url = try await TestServer.shared(.postgres).url
    let show = PostgresQuery(
      PostgresStatement(
        "show",
        """
        SELECT current_setting('work_mem'), current_setting('statement_timeout'), current_setting('lock_timeout'),
          current_setting('application_name')
        """))
    let options = "options=-c%20work_mem%3D7MB%20-c%20lock_timeout%3D1234&application_name=from%20the%20URL"
    for (url, expected) in [
      (url, ["4MB", "25s", "20s", "postgresql tests"]), ("\(url)?\(options)", ["7MB", "25s", "1234ms", "from the URL"]),
    ] {
      let connection = try await PostgresConnection.connect(configuration(url))
      let row = try await connection.query(show)[0]
      #expect(try (0..<4).map { column throws in try row.text(column) } == expected)
      await connection.close()
    }
  }
}
