import BackendsTestSupport
import PostgreSQL
import Redis
import TestSupport
import Testing
import TicketHubTestSupport

extension OneAtATime {
  /// That the checker finds what it is there for: histories and servers that were tampered with after a sale without faults.
  @Suite(.timeLimit(.minutes(5))) struct `The checker` {
    private typealias Sold = (hub: TicketHub, sale: Sale, history: History)

    private static let start = Task {
      let hub = try await TicketHub()
      let sale = try await Sale(on: hub, seed: 1)
      let report = try await sale.run { _ in try await Task.sleep(for: .seconds(3)) }
      return (hub: hub, sale: sale, history: report.history)
    }

    /// - Parameter patience: in seconds; what was tampered with does not mend itself.
    private func violations(patience: Int = 1, _ tamper: (inout History) throws -> Void = { _ in }) async throws -> [String] {
      var (hub, sale, history) = try await Self.start.value
      try tamper(&history)
      return try await Checker(hub: hub, patience: .seconds(patience)).violations(in: history, of: sale.events)
    }

    @Test func `a sale without faults is without violations`() async throws {
      #expect(try await violations(patience: 30) == [])
    }

    @Test func `what was accepted and is not decided is found`() async throws {
      let found = try await violations { history in
        let like = history.purchases[0]
        var lost = Purchase(event: like.event, customer: like.customer, key: uniqueKey())
        (lost.answers, lost.acceptedAt) = ([.accepted], .now)
        history.purchases.append(lost)
      }
      #expect(found.contains { $0.contains("was accepted, and decided 0 times") })
    }

    @Test func `what was refused and is decided is found`() async throws {
      let found = try await violations { history in
        (history.purchases[0].answers, history.purchases[0].acceptedAt) = ([.overloaded], nil)
      }
      #expect(found.contains { $0.contains("was refused as overloaded, and decided") })
    }

    @Test func `what is decided and nobody asked for is found`() async throws {
      let found = try await violations { $0.purchases.removeFirst() }
      #expect(found.contains { $0.contains("never asked for") })
    }

    @Test func `a decision before that of a request that came earlier is found`() async throws {
      let found = try await violations { history in
        let event = history.purchases[0].event
        let places = history.purchases.indices.filter { history.purchases[$0].event == event }
        let first = try #require(places.min { history.purchases[$0].acceptedAt! < history.purchases[$1].acceptedAt! })
        // As if it had been sent after everything else was accepted.
        let late = history.purchases[first]
        var moved = Purchase(event: event, customer: late.customer, key: late.key)
        (moved.answers, moved.acceptedAt, moved.outcome) = (late.answers, .now, late.outcome)
        history.purchases[first] = moved
      }
      #expect(found.contains { $0.contains("and decided before it") })
    }

    @Test func `a seat that two customers were given is found`() async throws {
      // One whose holds last, so that they are still held.
      let event = try await Self.start.value.sale.events[0]
      let found = try await violations { history in
        let held = history.purchases.indices.filter {
          history.purchases[$0].event == event && history.purchases[$0].outcome?.status == "held"
        }
        let seated = try #require(held.first { !history.purchases[$0].outcome!.seats.isEmpty })
        let other = try #require(held.first { $0 != seated })
        let seats = history.purchases[seated].outcome!.seats
        history.purchases[other].outcome?.seats = seats
      }
      #expect(found.contains { $0.contains("is held by") })
    }

    @Test(arguments: [
      ("UPDATE section_counters SET held = held + 1", "UPDATE section_counters SET held = held - 1"),
      (
        "UPDATE decisions SET outcome = outcome || '\\x00'",
        "UPDATE decisions SET outcome = substr(outcome, 1, length(outcome) - 1)"
      ),
      ("UPDATE reservations SET version = version + 1", "UPDATE reservations SET version = version - 1"),
    ])
    func `tables that differ from the journal are found`(_ tamper: String, _ mend: String) async throws {
      let pool = try testPool(try await Self.start.value.hub.postgres.url, size: 1)
      try await pool.execute(tamper)
      let found = try await violations()
      try await pool.execute(mend)
      await pool.close()
      #expect(!found.isEmpty)
    }

    @Test func `a view that differs from the journal is found`() async throws {
      // The last test: nobody is there to mend it.
      let redis = RedisClient.make(try redisConfiguration(of: try await Self.start.value.hub.redis))
      _ = try await redis.command("FLUSHALL")
      await redis.close()
      #expect(try await !violations().isEmpty)
    }
  }
}
