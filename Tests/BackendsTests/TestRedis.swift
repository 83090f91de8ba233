import Backends
import BackendsTestSupport
import Pipeline
import Redis
import Ticketing

/// The database that all of these tests share, who keep apart by their events, customers and partitions.
private let sharedDatabase = Task { try await redisDatabase() }

/// Runs the body with a client of a database of Redis.
/// - Parameter configuration: the shared one unless given.
func withRedis<Result>(
  _ configuration: RedisConfiguration? = nil, _ body: (RedisClient) async throws -> Result
) async throws -> Result {
  let redis = RedisClient.make(try await sharedRedis(unless: configuration))
  do {
    let result = try await body(redis)
    await redis.close()
    return result
  } catch {
    await redis.close()
    throw error
  }
}

func sharedRedis(unless configuration: RedisConfiguration? = nil) async throws -> RedisConfiguration {
  if let configuration { return configuration }
  return try await sharedDatabase.value
}

/// Says that the view has all events of all partitions, as a worker does that has compared them.
func markComplete(_ partitioning: Partitioning, in redis: RedisClient) async throws {
  let projection = RedisProjection(redis)
  let partitions = Array(0..<partitioning.count)
  // Another test that begins a comparison at the same moment has this one's come to nothing.
  while case let complete = try await projection.completePartitions(among: partitions), complete.count < partitions.count {
    for partition in partitions where !complete.contains(partition) {
      try await projection.markComplete(partition, since: try await projection.beginComparison(of: partition))
    }
  }
}

extension ReservationRecord {
  /// As the gateway notes it.
  static func queued(_ event: EventID, by customer: CustomerID = random(), at time: Timestamp = wallClock()) -> Self {
    let command = Command.reserve(event: event, by: customer, at: time)
    let request = Command.Request(customer: customer, selection: .best(section: 0, quantity: 1, adjacent: false))
    return ReservationRecord(queued: QueuedCommand(command, ordinal: 1), request: request)
  }

  /// As the worker decided it.
  func held(_ seats: [SeatIndex], sequence: Int64 = 1) -> Self {
    ReservationRecord(
      id: id, event: event, status: .held, version: 1, request: request, createdAt: createdAt, sequence: sequence,
      allocation: .seats(seats), expiresAt: createdAt.adding(seconds: 600))
  }
}

extension ViewChange {
  /// From one version to another, with no reservations and no seats unless given; a part comes without counts.
  init(
    _ event: EventID, from: Int64, to: Int64, _ reservations: [ReservationRecord] = [], held: Int = 0,
    seats: SeatChange = .some([]), lists: Bool = false, isPart: Bool = false
  ) {
    self.init(
      event: event, fromVersion: from, toVersion: to, reservations: reservations,
      availability: isPart ? nil : Availability(version: to, sections: [.init(held: held, sold: 0)]), seats: seats,
      writesCustomersLists: lists)
  }
}
