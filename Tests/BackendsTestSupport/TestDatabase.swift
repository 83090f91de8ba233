public import Backends
import Foundation
import Pipeline
public import PostgreSQL
import Synchronization
public import TestSupport

/// A migrated database of a test's own.
public struct TestDatabase: Sendable {
  public let url: String
  public let pool: PostgresPool
}

/// Runs the body with an empty, migrated database that no other test uses.
///
/// - Parameters:
///   - server: the one that all tests share, unless another is given.
///   - connections: how many the body may use at once.
public func withDatabase<Result>(
  on server: TestServer? = nil, connections: Int = 4, _ body: (TestDatabase) async throws -> Result
) async throws -> Result {
  let server = if let server { server } else { try await TestServer.shared(.postgres) }
  let template = try await Template.of(server)
  let name = "test_\(UInt64.random(in: .min ... .max))"
  try await administer(server, "CREATE DATABASE \(name) TEMPLATE \(template)")
  let url = databaseURL(server, name)
  let database = TestDatabase(url: url, pool: try testPool(url, size: connections))
  do {
    let result = try await body(database)
    await database.pool.close()
    return result
  } catch {
    await database.pool.close()
    throw error
  }
}

/// A pool as the processes have them, with patience for a busy machine.
public func testPool(_ url: String, size: Int = 4) throws -> PostgresPool {
  var configuration = try PostgresConfiguration(url: url, applicationName: "tests")
  configuration.connectTimeout = .seconds(20)
  configuration.findsRowsByKey = true
  return PostgresPool(configuration, size: size, waitAtMost: .seconds(30), maximumWaiters: 1000)
}

/// An empty database without tables.
public func emptyDatabase() async throws -> String {
  let server = try await TestServer.shared(.postgres)
  let name = "empty_\(UInt64.random(in: .min ... .max))"
  try await administer(server, "CREATE DATABASE \(name)")
  return databaseURL(server, name)
}

/// The files of `sql/`.
public func migrationFiles() throws -> [Migrations.Migration] {
  let directory = "\(Checkout.path)/sql"
  return try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".sql") }.map {
    Migrations.Migration(name: $0, script: try String(contentsOfFile: "\(directory)/\($0)", encoding: .utf8))
  }
}

extension PostgresPool {
  /// Carries out a text of SQL, for what the code under test has no statement for.
  public func execute(_ script: String) async throws {
    try await withConnection { try await $0.execute(script: script) }
  }
}

/// A migrated database on each server from which the tests' own are copied, which is much faster than migrating each.
private enum Template {
  private static let templates = Mutex<[String: Task<String, any Error>]>([:])

  static func of(_ server: TestServer) async throws -> String {
    let making = templates.withLock { templates in
      if let known = templates[server.directory] { return known }
      let making = Task {
        let name = "template_\(UInt64.random(in: .min ... .max))"
        try await administer(server, "CREATE DATABASE \(name)")
        let connection = try await PostgresConnection.connect(
          PostgresConfiguration(url: databaseURL(server, name), applicationName: "tests"))
        _ = try await Migrations(migrationFiles()).apply(on: connection)
        await connection.close()
        return name
      }
      templates[server.directory] = making
      return making
    }
    return try await making.value
  }
}

private func administer(_ server: TestServer, _ command: String) async throws {
  var configuration = try PostgresConfiguration(url: server.url, applicationName: "tests")
  (configuration.connectTimeout, configuration.queryTimeout) = (.seconds(20), .seconds(60))
  (configuration.statementTimeout, configuration.lockTimeout) = (.seconds(50), .seconds(50))
  let connection = try await PostgresConnection.connect(configuration)
  // A database can't be copied while the connection that migrated it is still on its way out.
  try await eventually("\(command.prefix(15))…") {
    try await connection.execute(script: command)
    return true
  }
  await connection.close()
}

private func databaseURL(_ server: TestServer, _ name: String) -> String {
  server.url.prefix(through: server.url.lastIndex(of: "/")!) + name
}
