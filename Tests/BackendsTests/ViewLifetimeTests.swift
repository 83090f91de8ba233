import BackendsTestSupport
import Pipeline
import Redis
import Testing
import Ticketing

@testable import Backends

struct ViewLifetimeTests {
  private static let day = 24 * 60 * 60

  private func secondsLeft(of key: String, in redis: RedisClient) async throws -> Int {
    try #require(try await redis.command("TTL", .string(key)).int)
  }

  private func expectDaysLeft(_ keys: String..., in redis: RedisClient) async throws {
    for key in keys { #expect(try await secondsLeft(of: key, in: redis) > 6 * Self.day, "\(key)") }
  }

  @Test func `what nobody changes is kept for days, longer than the contract promises for a key`() async throws {
    try await withRedis { redis in
      let view = RedisView(redis)
      let record = ReservationRecord.queued(random())
      let command: CommandID = random()
      let (reservation, list) = (RedisKeys.reservation(record.id), RedisKeys.reservations(of: record.customer))
      let repetitions = RedisKeys.repetitions(of: record.id)
      var again = record
      again.ordinal += 1
      for request in [record, again] { _ = try await view.note([request]) }
      try await view.remember(command, about: record.id)
      try await expectDaysLeft(
        reservation, list, repetitions, RedisKeys.command(command, about: record.id), in: redis)

      _ = try await redis.command("DEL", .string(reservation), .string(list))
      let change = ViewChange(record.event, from: 0, to: 1, [record.held([0])])
      _ = try await RedisProjection(redis).project([change], partition: 0, progress: nil)
      try await expectDaysLeft(reservation, list, in: redis)
    }
  }

  @Test func `what the view would have let go of is listed, and not written`() async throws {
    try await withRedis { redis async throws in
      let old = ReservationRecord.queued(random()).held([0])
      var change = ViewChange(old.event, from: 0, to: 1, lists: true)
      change.listed = [old]
      #expect(try await RedisProjection(redis).project([change], partition: 0, progress: nil) == [.done])
      #expect(try await RedisView(redis).reservation(old.id) == nil)
      #expect(try await RedisStoredView(redis).lists(of: [old.customer], limit: 9) == [[old.id]])
    }
  }

  /// A list that is gone looks like one that was never there.
  @Test func `customers' lists outlive by far the records in them, whoever wrote them`() async throws {
    try await withRedis { redis in
      let record = ReservationRecord.queued(random())
      let (reservation, list) = (RedisKeys.reservation(record.id), RedisKeys.reservations(of: record.customer))
      func expectListToOutliveRecord() async throws {
        let ofRecord = try await secondsLeft(of: reservation, in: redis)
        let ofList = try await secondsLeft(of: list, in: redis)
        #expect(ofRecord > 0 && ofList > ofRecord + 365 * Self.day)
      }
      _ = try await RedisView(redis).note([record])
      try await expectListToOutliveRecord()

      _ = try await redis.command("DEL", .string(reservation), .string(list))
      let change = ViewChange(record.event, from: 0, to: 1, [record.held([0])])
      _ = try await RedisProjection(redis).project([change], partition: 0, progress: nil)
      try await expectListToOutliveRecord()
    }
  }
}
