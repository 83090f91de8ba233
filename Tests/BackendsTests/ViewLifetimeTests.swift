import BackendsTestSupport
import Pipeline
import Redis
import Testing
import Ticketing

@testable import Backends

struct ViewLifetimeTests {
  private func expectDaysLeft(_ keys: String..., in redis: RedisClient) async throws {
    for key in keys {
      let seconds = try #require(try await redis.command("TTL", .string(key)).int)
      #expect(seconds > 6 * 24 * 60 * 60, "\(key)")
    }
  }

  @Test func `what nobody changes is kept for days, longer than the contract promises for a key`() async throws {
    try await withRedis { redis in
      let view = RedisView(redis)
      let record = ReservationRecord.queued(random())
      let command: CommandID = random()
      let (reservation, list) = (RedisKeys.reservation(record.id), RedisKeys.reservations(of: record.customer))
      let repetitions = RedisKeys.repetitions(of: record.id)
      for _ in 0..<2 { _ = try await view.note([record]) }
      try await view.remember(command, about: record.id)
      try await expectDaysLeft(
        reservation, list, repetitions, RedisKeys.command(command, about: record.id), in: redis)

      _ = try await redis.command("DEL", .string(reservation), .string(list))
      let change = ViewChange(record.event, from: 0, to: 1, [record.held([0])])
      _ = try await RedisProjection(redis).project([change], partition: 0, progress: nil)
      try await expectDaysLeft(reservation, list, in: redis)
    }
  }
}
