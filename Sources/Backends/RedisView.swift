public import Pipeline
public import Redis
public import Ticketing

/// The gateway's side of the view in Redis: what it reads about reservations and what is left, and its notes.
///
/// Reads that come at the same moment share a round trip. Notes go another way, so that neither waits for the other.
public struct RedisView: ReservationView {
  /// How many reads may wait for Redis; more than that, and Redis is as good as away.
  private static let maximumWaiting = 10_000

  private let redis: RedisClient
  let notes: RedisClient
  private let lines = LineMemory()
  private let reads: Coalescer<[String], Result<[RedisReply], ViewUnavailable>>
  private let lists: Coalescer<ListRange, Result<[[UInt8]]?, ViewUnavailable>>

  /// Some of a customer's reservations, newest first.
  private struct ListRange {
    var customer: CustomerID
    var mark: PageMark?
    var limit: Int
    var partitioning: Partitioning
  }

  /// - Parameter notes: for places in the line and notes; the same as for reads if there is none.
  public init(_ redis: RedisClient, notes: RedisClient? = nil) {
    self.redis = redis
    self.notes = notes ?? redis
    reads = Coalescer(maximumBatch: 256, maximumWaiting: Self.maximumWaiting, executor: redis.taskThread) { requests in
      do throws(ViewUnavailable) {
        var rest = try await Self.get(requests.flatMap(\.self), of: redis)[...]
        return requests.map { keys in
          defer { rest = rest.dropFirst(keys.count) }
          return .success(Array(rest.prefix(keys.count)))
        }
      } catch {
        return requests.map { _ in .failure(error) }
      }
    }
    lists = Coalescer(maximumBatch: 64, maximumWaiting: Self.maximumWaiting, executor: redis.taskThread) { ranges in
      do throws(ViewUnavailable) {
        guard let members = try await Self.members(of: ranges, in: redis) else { return ranges.map { _ in .success(nil) } }
        return members.map { .success($0) }
      } catch {
        return ranges.map { _ in .failure(error) }
      }
    }
  }

  /// What the lists name, by range; nil where the view may lack some.
  private static func members(
    of ranges: [ListRange], in redis: RedisClient
  ) async throws(ViewUnavailable) -> [[[UInt8]]]? {
    // All have the same.
    let partitions = 0..<ranges[0].partitioning.count
    var pipeline = RedisPipeline()
    for range in ranges {
      pipeline.append(
        "ZREVRANGEBYLEX", .string(RedisKeys.reservations(of: range.customer)),
        range.mark.map { .bytes(Array("(".utf8) + $0.listMember) } ?? "+", "-", "LIMIT", 0, .integer(Int64(range.limit)))
    }
    // Behind the ranges: where the view is emptied between the two, its marks are gone.
    pipeline.appendMarks(of: partitions, by: RedisKeys.complete)
    let replies = try await redis.ask(pipeline)
    let complete = try RedisClient.marked(partitions, in: replies.dropFirst(ranges.count))
    if complete.count < partitions.count { return nil }
    return replies.prefix(ranges.count).map { ($0.array ?? []).compactMap(\.bytes) }
  }

  private func members(of range: ListRange) async throws(ViewUnavailable) -> [[UInt8]]? {
    // As for other reads.
    if redis.isAway { return try await Self.members(of: [range], in: redis)?[0] }
    guard let result = await lists.submit(range) else { throw ViewUnavailable("too many lists wait for Redis") }
    return try result.get()
  }

  private static func get(_ keys: [String], of redis: RedisClient) async throws(ViewUnavailable) -> [RedisReply] {
    var pipeline = RedisPipeline()
    for key in keys { pipeline.append("GET", argumentCount: 1) { $0.append(key) } }
    return try await redis.ask(pipeline)
  }

  private func get(_ keys: String...) async throws(ViewUnavailable) -> [RedisReply] { try await get(keys) }

  private func get(_ keys: [String]) async throws(ViewUnavailable) -> [RedisReply] {
    // Those that wait already wait for a timeout. Nobody else has to.
    if redis.isAway { return try await Self.get(keys, of: redis) }
    guard let result = await reads.submit(keys) else { throw ViewUnavailable("too many reads wait for Redis") }
    return try result.get()
  }

  // MARK: Places in the line, and commands

  public func takePlaces(_ counts: [Int: Int]) async throws(ViewUnavailable) -> [Int: Places] {
    let before = counts.keys.reduce(into: [:]) { $0[$1] = lines[$1] }
    var pipeline = RedisPipeline()
    for (partition, count) in counts {
      pipeline.append("INCRBY", .string(RedisKeys.line(partition)), .integer(Int64(count)))
      pipeline.append("GET", .string(RedisKeys.progress(partition)))
    }
    var replies = try await notes.ask(pipeline)[...]
    var places: [Int: Places] = [:]
    for (partition, count) in counts {
      guard var last = try replies.popFirst()?.expectInteger(), let progress = replies.popFirst() else { break }
      if let known = before[partition], last <= known.last { last = try await resume(partition, known, count) }
      lines.note(last, in: partition)
      places[partition] = Places(
        first: last - Int64(count) + 1, progress: lines.note(self.progress(in: progress), of: partition))
    }
    return places
  }

  /// Takes places in a line that has lost its numbers, from where it is known to have been.
  ///
  /// KEYS: line, progress. ARGV: the last place and the progress that are known, the progress' ordinal, how many places.
  private static let resumeLine = RedisScript(
    """
    if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
    local progress = string.match(redis.call('GET', KEYS[2]) or '0', '^%d+')
    if tonumber(progress) < tonumber(ARGV[3]) then redis.call('SET', KEYS[2], ARGV[2]) end
    return redis.call('INCRBY', KEYS[1], ARGV[4])
    """)

  private func resume(_ partition: Int, _ known: LineMemory.Line, _ count: Int) async throws(ViewUnavailable) -> Int64 {
    var pipeline = RedisPipeline()
    pipeline.append(
      Self.resumeLine, keys: [.string(RedisKeys.line(partition)), .string(RedisKeys.progress(partition))],
      arguments: [
        .integer(known.last), .string(known.progress.text), .integer(known.progress.ordinal), .integer(Int64(count)),
      ])
    return try await notes.ask(pipeline)[0].expectInteger()
  }

  public func remember(_ command: CommandID, about reservation: ReservationID) async throws(ViewUnavailable) {
    var pipeline = RedisPipeline()
    pipeline.append("SET", .string(RedisKeys.command(command, about: reservation)), "1", "EX", .integer(viewLifetimeSeconds))
    _ = try await redis.ask(pipeline)
  }

  public func remembers(_ command: CommandID, about reservation: ReservationID) async throws(ViewUnavailable) -> Bool {
    try await get(RedisKeys.command(command, about: reservation))[0] != .null
  }

  // MARK: Reads

  public func reservation(_ id: ReservationID) async throws(ViewUnavailable) -> ReservationRecord? {
    decoded(try await get(RedisKeys.reservation(id))[0].expectBytes(), ReservationRecord.init(decoding:))
  }

  public func reservations(
    of customer: CustomerID, in partitioning: Partitioning, after mark: PageMark?, limit: Int
  ) async throws(ViewUnavailable) -> [ReservationRecord]? {
    // Once more where entries had to be put right, and then as it is: the next reader goes on with it.
    guard let (records, isRight) = try await listed(of: customer, in: partitioning, after: mark, limit: limit) else { return nil }
    if isRight { return records }
    return try await listed(of: customer, in: partitioning, after: mark, limit: limit)?.records
  }

  /// The records that a customer's list names in a range, and whether all of its entries are theirs. A request that was repeated may
  /// have left an entry of another time than that of its decision: such entries are put right. Nil where the view may lack some.
  private func listed(
    of customer: CustomerID, in partitioning: Partitioning, after mark: PageMark?, limit: Int
  ) async throws(ViewUnavailable) -> (records: [ReservationRecord], isRight: Bool)? {
    let range = ListRange(customer: customer, mark: mark, limit: limit, partitioning: partitioning)
    guard let members = try await members(of: range) else { return nil }
    let ids = members.compactMap(PageMark.id(ofListMember:)).map { ReservationID($0) }
    // A list that was lost looks like this. A later page is not empty either where the page before it has said that it is there.
    if ids.isEmpty { return nil }
    let list = RedisArgument.string(RedisKeys.reservations(of: customer))
    var records: [ReservationRecord] = []
    var repair = RedisPipeline()
    for (member, reply) in zip(members, try await get(ids.map(RedisKeys.reservation))) {
      guard let record = decoded(try reply.expectBytes(), ReservationRecord.init(decoding:)) else { return nil }
      if record.pageMark.listMember == member {
        records.append(record)
      } else {
        repair.append("ZADD", list, 0, .bytes(record.pageMark.listMember))
        repair.append("ZREM", list, .bytes(member))
      }
    }
    if repair.isEmpty { return (records, true) }
    _ = try await redis.ask(repair)
    return (records, false)
  }

  public func progress(of partition: Int) async throws(ViewUnavailable) -> Progress {
    lines.note(progress(in: try await get(RedisKeys.progress(partition))[0]), of: partition)
  }

  public func availability(of event: Event, in partition: Int) async throws(ViewUnavailable) -> Availability? {
    let replies = try await get(RedisKeys.availability(event.id), RedisKeys.complete(partition))
    if let known = decoded(try replies[0].expectBytes(), Availability.init(decoding:)) { return known }
    return replies[1] == .null ? nil : Availability(untouched: event)
  }

  public func seats(of event: Event, section: SectionIndex, in partition: Int) async throws(ViewUnavailable) -> ViewedSeats? {
    let replies = try await get(
      RedisKeys.version(event.id), RedisKeys.seats(event.id, section), RedisKeys.complete(partition))
    let version = replies[0].viewVersion
    // Where the view is being brought up to the present, its seats come last.
    if replies[0].isPartOfView || version == nil && replies[2] == .null { return nil }
    var letters = (try replies[1].expectBytes() ?? []).map { $0 == 0 ? SeatLetter.available : $0 }
    letters += Array(repeating: SeatLetter.available, count: max(0, event.sections[section].capacity - letters.count))
    return ViewedSeats(version: version ?? 0, letters: letters)
  }

  public func knowsWhatIsQueued(_ partitioning: Partitioning) async throws(ViewUnavailable) -> Bool {
    try await redis.partitions(0..<partitioning.count, markedBy: RedisKeys.noted).count == partitioning.count
  }

  public func forgetNoted(_ partitions: Set<Int>) async throws(ViewUnavailable) {
    var pipeline = RedisPipeline()
    // The comparison too: a mark that is under way already may have been queued before.
    for partition in partitions {
      pipeline.append("DEL", .string(RedisKeys.noted(partition)), .string(RedisKeys.comparison(partition)))
    }
    _ = try await notes.ask(pipeline)
  }

  public func isReady() async -> Bool {
    do throws(ViewUnavailable) {
      _ = try await get(RedisKeys.catalogueIsComplete)
      return true
    } catch {
      return false
    }
  }

  private func progress(in reply: RedisReply) -> Progress {
    // By its bytes: to find where a character ends takes a hundred times as long.
    guard let text = reply.string, let space = text.utf8.firstIndex(of: UInt8(ascii: " ")),
      let ordinal = Int64(text[..<space]), let rate = Double(text[text.utf8.index(after: space)...])
    else { return .none }
    return Progress(ordinal: ordinal, rate: rate)
  }
}
