import BackendsTestSupport
import Pipeline
import PostgreSQL
import Redis
import Ticketing
import Verification

@testable import Backends

/// Two events that have been sold of, in tables and in a view, with at least one row of everything.
struct AuditedSale {
  let record = EventRecord.onSale([.standing(50), .seated(rows: 2, of: 10)])
  let untouched = EventRecord.onSale([.seated(rows: 1, of: 4)])
  let customer: CustomerID = random()
  let pool: PostgresPool
  let redis: RedisClient
  var decider: Decider

  /// Runs the body with one, after making sure that nothing is found where nothing is wrong.
  static func with(_ body: (inout AuditedSale) async throws -> Void) async throws {
    try await withDatabase { database in
      try await withRedis { redis in
        var sale = try await AuditedSale(database.pool, redis)
        try await body(&sale)
      }
    }
  }

  private init(_ pool: PostgresPool, _ redis: RedisClient) async throws {
    (self.pool, self.redis) = (pool, redis)
    decider = Decider(record)
    for record in [record, untouched] {
      _ = try await PostgresEventStore(pool).create(record)
      try await RedisCatalogue(redis).list([record])
    }
    let id = record.event.id
    let extended = Command.reserve(seats: [3, 4], event: id, by: customer)
    let released = Command.reserve(seats: [7], event: id, by: customer)
    try await decide([extended, released, .reserve(2, of: 0, event: id), .reserve(seats: [3], event: id)])
    try await decide([.extend(extended.reservation, event: id), .release(released.reservation, event: id)])
    try await decide([.reserve(seats: [7, 8], event: id), .reserve(3, of: 0, event: id, by: customer)])
  }

  mutating func decide(_ commands: [Command], at time: Timestamp? = nil) async throws {
    _ = try await PostgresJournal(pool).commit([decider.batch(commands, at: time)])
    try await show()
  }

  /// Brings the view up to the journal.
  func show() async throws {
    let projection = RedisProjection(redis)
    let id = record.event.id
    while case let version = try await projection.versions(of: [id])[0], version < decider.state.version {
      let changes = try await PostgresJournal(pool).changes(of: id, after: version, limit: 100)
      let change = ViewChange(
        event: id, fromVersion: version, toVersion: changes.toVersion, reservations: changes.reservations,
        availability: changes.present?.availability, seats: .all(changes.present?.seats ?? []), writesCustomersLists: true)
      _ = try await projection.project([change], partition: 0, progress: nil)
    }
  }

  func differences() async throws -> [Difference] {
    let findings = try await verify(in: pool, view: redis)
    return findings.differences
  }
}
