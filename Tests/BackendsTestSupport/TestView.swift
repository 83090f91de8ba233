import Foundation
public import Redis
import Synchronization
public import TestSupport

/// The next database of the shared Redis that no test has used.
private let nextDatabase = Atomic(1)

/// A database of the shared Redis of the caller's own: it has 16, of which the first is left alone.
public func redisDatabase() async throws -> RedisConfiguration {
  let number = nextDatabase.add(1, ordering: .relaxed).oldValue
  precondition(number < 16, "more tests want a Redis database of their own than there are")
  return try redisConfiguration(of: await TestServer.shared(.redis), database: number)
}

/// A database of a server, with patience for a busy machine.
/// - Parameter proxy: the way to the server, if not straight.
public func redisConfiguration(
  of server: TestServer, database: Int = 0, commandTimeout: Duration = .seconds(10), through proxy: StallingProxy? = nil
) throws -> RedisConfiguration {
  let url = "\(server.url.dropLast())\(database)".replacing(":\(server.port)/", with: ":\(proxy?.port ?? server.port)/")
  var configuration = try RedisConfiguration(url: url)
  (configuration.connectTimeout, configuration.commandTimeout) = (.seconds(10), commandTimeout)
  return configuration
}
