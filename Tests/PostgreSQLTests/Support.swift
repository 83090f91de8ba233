import PostgreSQL
import TestSupport
import Testing

/// The configuration of tests: the given server, and the timeouts that a test wants to see pass soon.
func configuration(
  _ url: String, query: Duration = .seconds(30), statement: Duration? = .seconds(25), lock: Duration? = .seconds(20)
) throws -> PostgresConfiguration {
  var configuration = try PostgresConfiguration(url: url, applicationName: "postgresql tests")
  // Generous where a test is not about time: the machine may be busy.
  configuration.connectTimeout = .seconds(20)
  configuration.queryTimeout = query
  configuration.statementTimeout = statement
  configuration.lockTimeout = lock
  configuration.idleInTransactionTimeout = .seconds(30)
  return configuration
}

/// A connection to the tests' shared server, whose temporary tables are the test's own.
func connect() async throws -> PostgresConnection {
  try await PostgresConnection.connect(configuration(TestServer.shared(.postgres).url))
}

/// The `PostgresError` that `body` throws; a failure of the test if it throws none.
func postgresError(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws -> PostgresError {
  let error = await #expect(throws: PostgresError.self, sourceLocation: sourceLocation) { try await body() }
  return try #require(error, sourceLocation: sourceLocation)
}

/// How long `body` takes.
func elapsed(_ body: () async throws -> Void) async rethrows -> Duration {
  let start = ContinuousClock.now
  try await body()
  return ContinuousClock.now - start
}

enum SQL {
  static let one = PostgresQuery(PostgresStatement("one", "SELECT 1"))
  static let backend = PostgresQuery(PostgresStatement("backend", "SELECT pg_backend_pid()"))
  static let terminate = PostgresStatement("terminate", "SELECT pg_terminate_backend($1)")
  static let sleep = PostgresQuery(PostgresStatement("sleep", "SELECT pg_sleep(60)"))
}
