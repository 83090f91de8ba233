import Redis
import TestSupport

/// A configuration for a server of the tests. The command timeout is generous, so that a busy machine breaks nothing; tests of
/// timeouts set their own.
func configuration(
  of server: TestServer, database: Int = 0, clientName: String? = nil, commandTimeout: Duration = .seconds(20)
) throws -> RedisConfiguration {
  var configuration = try RedisConfiguration(url: server.url.dropLast() + "\(database)")
  configuration.connectTimeout = .seconds(10)
  configuration.commandTimeout = commandTimeout
  configuration.clientName = clientName
  return configuration
}

/// A name that no other test uses.
func unique(_ name: String) -> String { "\(name):\(UInt64.random(in: 0...UInt64.max))" }

/// The error of a call that must fail, and how long the call took.
func failure(
  of call: () async throws(RedisError) -> some Sendable
) async -> (error: RedisError?, duration: Duration) {
  let start = ContinuousClock.now
  do throws(RedisError) {
    _ = try await call()
    return (nil, .now - start)
  } catch {
    return (error, .now - start)
  }
}

extension RedisClient {
  nonisolated func echo(_ text: String) async throws(RedisError) -> String? {
    try await command("ECHO", .string(text)).string
  }
}
