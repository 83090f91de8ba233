public import Pipeline
public import Redis
public import Ticketing

/// The worker's side of the view in Redis.
public struct RedisProjection: Projection {
  /// What a partition's batch has to show.
  private struct Share: Sendable {
    var changes: [ViewChange]
    var partition: Int
    var progress: Progress?
  }

  private let redis: RedisClient
  /// Partitions that have something to show at the same moment share the round trip.
  private let shares: Coalescer<Share, Result<[ProjectionResult], ViewUnavailable>>

  public init(_ redis: RedisClient) {
    self.redis = redis
    shares = Coalescer(maximumBatch: 16, maximumWaiting: .max, gathers: true) { shares in
      do throws(ViewUnavailable) {
        return try await Self.project(shares, to: redis).map { .success($0) }
      } catch {
        return shares.map { _ in .failure(error) }
      }
    }
  }

  /// Writes one event's change if the view is at the version that it starts from, and gives the version that the view was at. Being
  /// atomic, it is what keeps the view from ever going backwards or having a hole.
  ///
  /// Customers' lists are not in a slot of the event's, so the script gives a second number where the change's reservations are to be put
  /// into them first, and leaves the version as it is: once it has moved, nobody would come back to list them. To write those that are
  /// known, and learn whether one is not, in one step (`XX`) saves a tenth of Redis' time. Where the view was emptied after they were
  /// listed, the mark that was set before is gone like the lists, and they are to be listed once more.
  ///
  /// Single seats are not written where the view has not got the seats of its version yet: then the version is -1.
  ///
  /// KEYS: version, availability, reservations…, then a key a seat write, and the mark if they are listed.
  /// ARGV: from, to as it is to be stored, seconds to keep reservations, number of reservations, availability or "", when the
  /// reservations are to be listed first (`always`, `unknown`, or `listed` if they are), whether whole sections are written (`1`),
  /// records…, then offset and letters a seat write; the offset -1 replaces the whole section.
  private static let applying = RedisScript(
    """
    local stored = redis.call('GET', KEYS[1]) or '0'
    local version = tonumber(string.match(stored, '^%d+'))
    if version ~= tonumber(ARGV[1]) then return {version} end
    if stored ~= ARGV[1] and ARGV[7] ~= '1' then return {-1} end
    if ARGV[6] == 'always' then return {version, 1} end
    local areListed = ARGV[6] == 'listed'
    if areListed and redis.call('DEL', table.remove(KEYS)) == 0 then return {version, 1} end
    local reservations = tonumber(ARGV[4])
    for i = 1, reservations do
      if areListed then
        redis.call('SET', KEYS[2 + i], ARGV[7 + i], 'EX', ARGV[3])
      elseif not redis.call('SET', KEYS[2 + i], ARGV[7 + i], 'EX', ARGV[3], 'XX') then
        return {version, 1}
      end
    end
    redis.call('SET', KEYS[1], ARGV[2])
    if ARGV[5] ~= '' then redis.call('SET', KEYS[2], ARGV[5]) end
    local argument = 8 + reservations
    for i = 3 + reservations, #KEYS do
      if ARGV[argument] == '-1' then
        redis.call('SET', KEYS[i], ARGV[argument + 1])
      else
        redis.call('SETRANGE', KEYS[i], ARGV[argument], ARGV[argument + 1])
      end
      argument = argument + 2
    end
    return {version}
    """)

  public func project(
    _ changes: [ViewChange], partition: Int, progress: Progress?
  ) async throws(ViewUnavailable) -> [ProjectionResult] {
    let share = Share(changes: changes, partition: partition, progress: progress)
    guard let result = await shares.submit(share) else { throw ViewUnavailable("too much waits to be shown") }
    return try result.get()
  }

  private static func project(_ shares: [Share], to redis: RedisClient) async throws(ViewUnavailable) -> [[ProjectionResult]] {
    let changes = shares.flatMap(\.changes)
    // The changes whose reservations are put into their lists in the same write. A change that met a gap may fit the next time and must
    // be asked again.
    var listed = try await listedInAnyCase(changes, redis)
    while true {
      let replies = try await apply(changes, listing: listed, of: shares, to: redis)
      let unlisted = replies.indices.filter { replies[$0].count > 1 }
      if unlisted.isEmpty {
        var results = zip(changes, replies).map { change, reply -> ProjectionResult in
          reply[0] == change.fromVersion || reply[0] >= change.toVersion ? .done : .gap
        }[...]
        return shares.map { share in
          defer { results.removeFirst(share.changes.count) }
          return Array(results.prefix(share.changes.count))
        }
      }
      listed.formUnion(unlisted)
    }
  }

  /// The changes that want their reservations listed in any case and fit the view. To be told so by the script would send each of them
  /// twice.
  private static func listedInAnyCase(
    _ changes: [ViewChange], _ redis: RedisClient
  ) async throws(ViewUnavailable) -> Set<Int> {
    let indices = changes.indices.filter { changes[$0].writesCustomersLists }
    let versions = try await versions(of: indices.map { changes[$0].event }, in: redis)
    return Set(zip(indices, versions).filter { changes[$0].fromVersion == $1 }.map(\.0))
  }

  /// The script's reply to each change: the version that the view was at, and one number more where reservations are to be listed first.
  private static func apply(
    _ changes: [ViewChange], listing listed: Set<Int>, of shares: [Share], to redis: RedisClient
  ) async throws(ViewUnavailable) -> [[Int64]] {
    var pipeline = RedisPipeline()
    // By change. No other writer's, and no earlier attempt's, which an old copy of the view may hold.
    var marks: [Int: RedisArgument] = [:]
    for index in listed {
      let mark = RedisArgument.string(RedisKeys.listing(changes[index].event, .random(in: .min ... .max)))
      marks[index] = mark
      pipeline.append("SET", mark, "", "EX", .integer(markLifetimeSeconds))
      for reservation in changes[index].reservations + changes[index].listed { pipeline.appendEntry(of: reservation) }
    }
    let preparing = pipeline.count
    for (index, change) in changes.enumerated() {
      append(change, listedMark: marks[index], to: &pipeline)
    }
    for share in shares {
      if let progress = share.progress {
        pipeline.append("SET", .string(RedisKeys.progress(share.partition)), .string(progress.text))
      }
      if !share.changes.isEmpty {
        let changed = share.changes.flatMap { $0.event.bytes + $0.reservations.flatMap(\.id.bytes) }
        pipeline.append("PUBLISH", .string(RedisKeys.changes(share.partition)), .bytes(changed))
      }
    }
    return try await redis.ask(pipeline).dropFirst(preparing).prefix(changes.count).map { (reply) throws(ViewUnavailable) in
      let numbers = try (reply.array ?? []).map { (number) throws(ViewUnavailable) in try number.expectInteger() }
      if numbers.isEmpty { throw ViewUnavailable("an unexpected reply of Redis: \(reply)") }
      return numbers
    }
  }

  /// - Parameter listedMark: says that the reservations are listed; nil where they are not known to be.
  private static func append(_ change: ViewChange, listedMark: RedisArgument?, to pipeline: inout RedisPipeline) {
    var keys: [RedisArgument] = [.string(RedisKeys.version(change.event)), .string(RedisKeys.availability(change.event))]
    let areSectionsWhole = if case .all = change.seats { true } else { false }
    var arguments: [RedisArgument] = [
      .integer(change.fromVersion), .string("\(change.toVersion)\(change.availability == nil ? "+" : "")"),
      .integer(viewLifetimeSeconds),
      .integer(Int64(change.reservations.count)), .bytes(change.availability?.encoded ?? []),
      listedMark != nil ? "listed" : change.writesCustomersLists ? "always" : "unknown", areSectionsWhole ? 1 : 0,
    ]
    for reservation in change.reservations {
      keys.append(.string(RedisKeys.reservation(reservation.id)))
      arguments.append(.bytes(reservation.encoded))
    }
    switch change.seats {
    case .some(let seats):
      for run in SeatRun.runs(of: seats) {
        keys.append(.string(RedisKeys.seats(change.event, run.section)))
        arguments += [.integer(Int64(run.offset)), .bytes(run.letters)]
      }
    case .all(let sections):
      for (section, letters) in sections {
        keys.append(.string(RedisKeys.seats(change.event, section)))
        arguments += [-1, .bytes(letters)]
      }
    }
    if let listedMark { keys.append(listedMark) }
    pipeline.append(Self.applying, keys: keys, arguments: arguments)
  }

  public func versions(of events: [EventID]) async throws(ViewUnavailable) -> [Int64] {
    try await Self.versions(of: events, in: redis)
  }

  private static func versions(of events: [EventID], in redis: RedisClient) async throws(ViewUnavailable) -> [Int64] {
    if events.isEmpty { return [] }
    var pipeline = RedisPipeline()
    for event in events { pipeline.append("GET", .string(RedisKeys.version(event))) }
    var versions: [Int64] = []
    for reply in try await redis.ask(pipeline) { versions.append(reply.viewVersion ?? 0) }
    return versions
  }

  public func forget(_ event: EventID) async throws(ViewUnavailable) {
    var pipeline = RedisPipeline()
    // What is late and begins at 0 must not be taken for the seats that are to be written.
    pipeline.append("SET", .string(RedisKeys.version(event)), "0+")
    _ = try await redis.ask(pipeline)
  }

  /// KEYS: reservation. ARGV: the record, seconds to keep it. The second byte of a record is its status, 0 while it is queued.
  private static let replaceNote = RedisScript(
    """
    local note = redis.call('GET', KEYS[1])
    if note and string.byte(note, 2) == 0 then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
    return 0
    """)

  public func replaceNotes(by reservations: [ReservationRecord], partition: Int) async throws(ViewUnavailable) {
    if reservations.isEmpty { return }
    var pipeline = RedisPipeline()
    for reservation in reservations {
      pipeline.append(
        Self.replaceNote, keys: [.string(RedisKeys.reservation(reservation.id))],
        arguments: [.bytes(reservation.encoded), .integer(viewLifetimeSeconds)])
    }
    pipeline.append("PUBLISH", .string(RedisKeys.changes(partition)), .bytes(reservations.flatMap(\.id.bytes)))
    _ = try await redis.ask(pipeline)
  }

  public func completePartitions(among partitions: [Int]) async throws(ViewUnavailable) -> Set<Int> {
    try await redis.partitions(partitions, markedBy: RedisKeys.complete)
  }

  public func notedPartitions(among partitions: [Int]) async throws(ViewUnavailable) -> Set<Int> {
    try await redis.partitions(partitions, markedBy: RedisKeys.noted)
  }

  public func beginComparison(of partition: Int) async throws(ViewUnavailable) -> String {
    var info = RedisPipeline()
    info.append("INFO", "server")
    let comparison = "\(try RedisClient.runID(in: try await redis.ask(info)[0])) \(UInt64.random(in: .min ... .max))"
    var pipeline = RedisPipeline()
    pipeline.append("SET", .string(RedisKeys.comparison(partition)), .string(comparison))
    _ = try await redis.ask(pipeline)
    return comparison
  }

  /// KEYS: comparison, complete or noted. ARGV: the comparison, the run of the server in which it began.
  private static let mark = RedisScript(
    "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[2], ARGV[2]) end return 0")

  public func markComplete(_ partition: Int, since comparison: String) async throws(ViewUnavailable) {
    try await mark(RedisKeys.complete(partition), partition, since: comparison)
  }

  public func markNoted(_ partition: Int, since comparison: String) async throws(ViewUnavailable) {
    try await mark(RedisKeys.noted(partition), partition, since: comparison)
  }

  private func mark(_ key: String, _ partition: Int, since comparison: String) async throws(ViewUnavailable) {
    var pipeline = RedisPipeline()
    pipeline.append(
      Self.mark, keys: [.string(RedisKeys.comparison(partition)), .string(key)],
      arguments: [.string(comparison), .string(String(comparison.prefix { $0 != " " }))])
    _ = try await redis.ask(pipeline)
  }
}

/// Neighbouring seats whose letters are written in one go.
private struct SeatRun {
  var section: SectionIndex
  var offset: Int
  var letters: [UInt8]

  static func runs(of seats: [(section: SectionIndex, offset: Int, letter: UInt8)]) -> [SeatRun] {
    var runs: [SeatRun] = []
    for seat in seats.sorted(by: { ($0.section, $0.offset) < ($1.section, $1.offset) }) {
      if let last = runs.last, last.section == seat.section, last.offset + last.letters.count == seat.offset {
        runs[runs.count - 1].letters.append(seat.letter)
      } else {
        runs.append(SeatRun(section: seat.section, offset: seat.offset, letters: [seat.letter]))
      }
    }
    return runs
  }
}

extension Progress {
  /// As the view keeps it.
  var text: String { "\(ordinal) \(rate)" }
}
