import BackendsTestSupport
import Pipeline
import Redis
import TestSupport
import Testing
import Ticketing
import Verification

@testable import Backends

/// What is wrong in the view is found, and what only moves is not called wrong.
struct ViewDamageTests {
  /// The keys of the view that a verification compares, with what they are called in its findings.
  private func keys(_ sale: AuditedSale) async throws -> [(key: String, name: String)] {
    let id = sale.record.event.id
    var keys = [
      (RedisKeys.version(id), "view version"), (RedisKeys.availability(id), "view availability"),
      (RedisKeys.seats(id, 1), "view seat"), (RedisKeys.event(id), "view event"),
    ]
    let changes = try await PostgresJournal(sale.pool).changes(of: id, after: 0, limit: 100)
    for reservation in changes.reservations {
      keys.append((RedisKeys.reservation(reservation.id), "view reservation \(reservation.id)"))
    }
    return keys
  }

  @Test(.timeLimit(.minutes(5))) func `a changed byte of any value is found and named`() async throws {
    try await AuditedSale.with { sale in
      #expect(try await sale.differences() == [])
      for (key, name) in try await keys(sale) {
        let value = try #require(try await sale.redis.command("GET", .string(key)).bytes)
        for position in value.indices {
          var damaged = value
          damaged[position] ^= 1
          _ = try await sale.redis.command("SET", .string(key), .bytes(damaged))
          let differences = try await sale.differences()
          #expect(differences.contains { $0.what.hasPrefix(name) }, "byte \(position) of \(key) gave \(differences)")
        }
        _ = try await sale.redis.command("DEL", .string(key))
        // An event that is not in the catalogue yet will be listed.
        if name != "view event" { #expect(try await !sale.differences().isEmpty, "\(key) is missing") }
        _ = try await sale.redis.command("SET", .string(key), .bytes(value))
      }
      #expect(try await sale.differences() == [])
    }
  }

  @Test func `a customer's list that lacks a reservation, or has another customer's, is found`() async throws {
    try await AuditedSale.with { sale in
      let list = RedisArgument.string(RedisKeys.reservations(of: sale.customer))
      let members = try #require(try await sale.redis.command("ZRANGE", list, 0, -1).array)
      let member = try #require(members.first?.bytes)
      _ = try await sale.redis.command("ZREM", list, .bytes(member))
      #expect(try await sale.differences().contains { $0.what == "view list of customer \(sale.customer)" })
      let other = RedisArgument.string(RedisKeys.reservations(of: random()))
      _ = try await sale.redis.command("ZADD", list, 0, .bytes(member))
      #expect(try await sale.differences() == [])

      let changes = try await PostgresJournal(sale.pool).changes(of: sale.record.event.id, after: 0, limit: 100)
      let stranger = try #require(changes.reservations.first { $0.customer != sale.customer })
      _ = try await sale.redis.command("ZADD", list, 0, .bytes(stranger.pageMark.listMember))
      #expect(try await sale.differences().map(\.stored) == ["\(stranger.id)"])
      _ = try await sale.redis.command("ZREM", list, .bytes(stranger.pageMark.listMember))
      _ = try await sale.redis.command("DEL", other)
    }
  }

  @Test func `a view that has not caught up is waited for, but not for ever`() async throws {
    try await AuditedSale.with { sale in
      let behind = sale
      _ = try await PostgresJournal(sale.pool).commit([sale.decider.batch([.reserve(event: sale.record.event.id)])])
      let impatient = try await verify(in: sale.pool, view: sale.redis)
      #expect(impatient.differences.map(\.what) == ["view version"])
      #expect(impatient.differences.map(\.replayed) == ["\(sale.decider.state.version)"])
      #expect(behind.decider.state.version < sale.decider.state.version)
      let caughtUp = sale
      async let showing: Void = caughtUp.show()
      #expect(try await verify(in: sale.pool, view: sale.redis, patience: .seconds(60)).differences == [])
      try await showing
    }
  }

  @Test func `a sale that goes on raises no alarm`() async throws {
    try await AuditedSale.with { sale in
      let (pool, redis, untouched) = (sale.pool, sale.redis, sale.untouched)
      try await withThrowingTaskGroup { group in
        let start = sale
        group.addTask {
          var sale = start
          let id = sale.record.event.id
          while !Task.isCancelled {
            let command = Command.reserve(seats: [SeatIndex.random(in: 9..<20)], event: id, by: sale.customer)
            try await sale.decide([command, .reserve(1, of: 0, event: id)])
            if sale.decider.state.reservation(command.reservation) != nil {
              try await sale.decide([.extend(command.reservation, event: id)])
              try await sale.decide([.release(command.reservation, event: id)])
            }
          }
        }
        defer { group.cancelAll() }
        for _ in 0..<20 {
          let findings = try await verify(in: pool, view: redis, patience: .seconds(60))
          #expect(findings.differences == [] && findings.viewFailure == nil)
        }
        #expect(try await verify(only: untouched.event.id, in: pool, view: redis).events == 1)
      }
    }
  }

  @Test func `damage is found in the middle of a sale`() async throws {
    try await AuditedSale.with { sale in
      let changes = try await PostgresJournal(sale.pool).changes(of: sale.record.event.id, after: 0, limit: 100)
      var damaged = try #require(changes.reservations.first { $0.status == .held })
      // What looks newer than it can be, which only the journal's next decisions can tell.
      damaged.version += 1
      damaged.extensionsUsed += 1
      _ = try await sale.redis.command("SET", .string(RedisKeys.reservation(damaged.id)), .bytes(damaged.encoded))
      try await sale.decide([.reserve(event: sale.record.event.id)])
      #expect(try await sale.differences().map(\.what) == ["view reservation \(damaged.id) version"])
    }
  }

  @Test func `that the view is away is said, and the tables are compared all the same`() async throws {
    try await AuditedSale.with { sale in
      let away = RedisClient.make(try RedisConfiguration(url: "redis://127.0.0.1:1/0"))
      try await sale.pool.execute("UPDATE section_counters SET held = held + 1")
      let findings = try await verify(in: sale.pool, view: away)
      #expect(findings.viewFailure != nil && findings.differences.contains { $0.what.hasPrefix("section_counters") })
    }
  }
}
