public import Pipeline
public import Redis
public import Ticketing

/// The catalogue of events in Redis.
public struct RedisCatalogue: CatalogueView {
  private let redis: RedisClient

  public init(_ redis: RedisClient) { self.redis = redis }

  public func events(_ ids: [EventID]) async throws(ViewUnavailable) -> [EventRecord?] {
    if ids.isEmpty { return [] }
    var pipeline = RedisPipeline()
    for id in ids { pipeline.append("GET", .string(RedisKeys.event(id))) }
    var events: [EventRecord?] = []
    for reply in try await redis.ask(pipeline) { events.append(decoded(try reply.expectBytes(), EventRecord.init(decoding:))) }
    return events
  }

  public func publishedIDs(after mark: PageMark, limit: Int) async throws(ViewUnavailable) -> [EventID]? {
    var pipeline = RedisPipeline()
    pipeline.append("GET", .string(RedisKeys.catalogueIsComplete))
    pipeline.append(
      "ZRANGEBYLEX", .string(RedisKeys.catalogue), .bytes(Array("(".utf8) + mark.listMember), "+", "LIMIT", 0,
      .integer(Int64(limit)))
    let replies = try await redis.ask(pipeline)
    return replies[0] == .null ? nil : replies[1].listedIDs.map { EventID($0) }
  }

  public func list(_ events: [EventRecord]) async throws(ViewUnavailable) {
    if events.isEmpty { return }
    var pipeline = RedisPipeline()
    Self.append(events, to: &pipeline)
    _ = try await redis.ask(pipeline)
  }

  public func list(new event: EventRecord) async throws(ViewUnavailable) {
    var pipeline = RedisPipeline()
    Self.append([event], to: &pipeline)
    // A worker may have been faster.
    pipeline.append(
      "SET", .string(RedisKeys.availability(event.event.id)), .bytes(Availability(untouched: event.event).encoded), "NX")
    _ = try await redis.ask(pipeline)
  }

  private static func append(_ events: [EventRecord], to pipeline: inout RedisPipeline) {
    for record in events {
      pipeline.append("SET", .string(RedisKeys.event(record.event.id)), .bytes(record.encoded))
      guard record.event.status == .published || record.event.status == .paused else { continue }
      pipeline.append("ZADD", .string(RedisKeys.catalogue), 0, .bytes(record.pageMark.listMember))
    }
  }

  public func listedCount() async throws(ViewUnavailable) -> Int? {
    var pipeline = RedisPipeline()
    pipeline.append("GET", .string(RedisKeys.catalogueIsComplete))
    pipeline.append("ZCARD", .string(RedisKeys.catalogue))
    let replies = try await redis.ask(pipeline)
    return replies[0] == .null ? nil : Int(try replies[1].expectInteger())
  }

  public func markListComplete() async throws(ViewUnavailable) {
    var pipeline = RedisPipeline()
    pipeline.append("SET", .string(RedisKeys.catalogueIsComplete), "1")
    _ = try await redis.ask(pipeline)
  }
}
