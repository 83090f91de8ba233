public import Pipeline
public import Redis
public import Ticketing
public import Verification

/// The view in Redis, for its verification.
public struct RedisStoredView: StoredView {
  /// How many keys are asked for at a time.
  private static let piece = 2000

  private let redis: RedisClient

  public init(_ redis: RedisClient) { self.redis = redis }

  public func head(of event: Event) async throws(ViewUnavailable) -> ViewHead {
    let seated = event.sections.indices.filter { event.sections[$0].isSeated }
    // One command, so that all of it is of one moment.
    var pipeline = RedisPipeline()
    pipeline.append(
      "MGET",
      arguments: [
        .string(RedisKeys.version(event.id)), .string(RedisKeys.availability(event.id)), .string(RedisKeys.event(event.id)),
      ] + seated.map { .string(RedisKeys.seats(event.id, $0)) })
    let values = try await redis.ask(pipeline)[0].array ?? []
    guard values.count == 3 + seated.count else { throw ViewUnavailable("Redis answered with \(values.count) values") }
    var seats: [SectionIndex: [UInt8]] = [:]
    for (section, value) in zip(seated, values.dropFirst(3)) { seats[section] = value.bytes }
    return ViewHead(
      version: values[0].viewVersion ?? 0, availability: values[1].bytes, seats: seats, event: values[2].bytes)
  }

  public func records(_ ids: [ReservationID]) async throws(ViewUnavailable) -> [[UInt8]?] {
    try await ask(ids) { id, pipeline in pipeline.append("GET", .string(RedisKeys.reservation(id))) }.map(\.bytes)
  }

  public func lists(of customers: [CustomerID], limit: Int) async throws(ViewUnavailable) -> [[ReservationID]] {
    try await ask(customers) { customer, pipeline in
      pipeline.append(
        "ZREVRANGEBYLEX", .string(RedisKeys.reservations(of: customer)), "+", "-", "LIMIT", 0, .integer(Int64(limit)))
    }.map { $0.listedIDs.map { ReservationID($0) } }
  }

  public func areListed(_ reservations: [(customer: CustomerID, mark: PageMark)]) async throws(ViewUnavailable) -> [Bool] {
    try await ask(reservations) { reservation, pipeline in
      pipeline.append(
        "ZSCORE", .string(RedisKeys.reservations(of: reservation.customer)), .bytes(reservation.mark.listMember))
    }.map { $0 != .null }
  }

  /// One command a subject, in pieces that the server answers in a moment.
  private func ask<Subject>(
    _ subjects: [Subject], _ append: (Subject, inout RedisPipeline) -> Void
  ) async throws(ViewUnavailable) -> [RedisReply] {
    var replies: [RedisReply] = []
    replies.reserveCapacity(subjects.count)
    for start in stride(from: 0, to: subjects.count, by: Self.piece) {
      var pipeline = RedisPipeline()
      for subject in subjects[start..<min(start + Self.piece, subjects.count)] { append(subject, &pipeline) }
      replies += try await redis.ask(pipeline)
    }
    return replies
  }
}
