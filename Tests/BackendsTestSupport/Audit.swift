import Backends
public import PostgreSQL
public import Redis
public import Ticketing
public import Verification

/// Where the tables and the view of an event differ from its journal told again, in words; nothing if all is well.
/// - Parameter redis: nil to leave the view alone.
public func audit(_ event: EventID, in pool: PostgresPool, view redis: RedisClient?) async throws -> [String] {
  let findings = try await verify(only: event, in: pool, view: redis)
  return findings.differences.map(\.description) + [findings.viewFailure].compactMap(\.self)
}

/// What `tickethub verify` finds.
/// - Parameter patience: how long to wait for a view that is behind.
public func verify(
  only event: EventID? = nil, in pool: PostgresPool, view redis: RedisClient?, patience: Duration = .zero
) async throws -> Findings {
  try await PostgresTables.read(from: pool, only: event) { tables, now in
    var verifier = Verifier(tables, view: redis.map(RedisStoredView.init), now: now, patience: patience)
    return try await verifier.run()
  }
}
