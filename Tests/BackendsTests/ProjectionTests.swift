import Backends
import BackendsTestSupport
import Logging
import Pipeline
import Redis
import TestSupport
import Testing
import Ticketing

struct ProjectionTests {
  private let event = EventRecord.onSale([.seated(rows: 2, of: 5)]).event

  /// What the view shows of the event's only section.
  private func letters(_ redis: RedisClient, in partition: Int = 0) async throws -> String? {
    try await RedisView(redis).seats(of: event, section: 0, in: partition).map { String(decoding: $0.letters, as: UTF8.self) }
  }

  private func held(_ redis: RedisClient) async throws -> Int? {
    try await RedisView(redis).availability(of: event, in: 0)?.sections.first?.held
  }

  @Test func `a change of the version that the view has is written`() async throws {
    try await withRedis { redis async throws in
      let projection = RedisProjection(redis)
      let first = ReservationRecord.queued(event.id).held([3])
      let result = try await projection.project(
        [ViewChange(event.id, from: 0, to: 1, [first], held: 1, seats: .some([(0, 3, SeatLetter.held)]))], partition: 0,
        progress: nil)
      #expect(result == [.done])
      #expect(try await projection.versions(of: [event.id, random()]) == [1, 0])
      #expect(try await held(redis) == 1)
      #expect(try await RedisView(redis).reservation(first.id) == first)
      #expect(try await RedisStoredView(redis).lists(of: [first.customer], limit: 9) == [[first.id]])
    }
  }

  @Test func `an older change never overwrites a newer one`() async throws {
    try await withRedis { redis async throws in
      let projection = RedisProjection(redis)
      let reservation = ReservationRecord.queued(event.id).held([3])
      var released = reservation
      (released.status, released.version, released.expiresAt) = (.released, 2, nil)
      let old = ViewChange(event.id, from: 0, to: 1, [reservation], held: 1, seats: .some([(0, 3, SeatLetter.held)]))
      let new = ViewChange(event.id, from: 1, to: 2, [released], held: 0, seats: .some([(0, 3, SeatLetter.available)]))
      #expect(try await projection.project([old, new, old], partition: 0, progress: nil) == [.done, .done, .done])
      #expect(try await projection.versions(of: [event.id]) == [2])
      #expect(try await held(redis) == 0)
      #expect(try await letters(redis) == "aaaaaaaaaa")
      #expect(try await RedisView(redis).reservation(reservation.id) == released)
    }
  }

  @Test func `a gap is reported and nothing is written`() async throws {
    try await withRedis { redis async throws in
      let projection = RedisProjection(redis)
      _ = try await projection.project([ViewChange(event.id, from: 0, to: 2, held: 2)], partition: 0, progress: nil)
      let late = ReservationRecord.queued(event.id).held([0])
      let result = try await projection.project(
        [ViewChange(event.id, from: 5, to: 6, [late], held: 6, seats: .some([(0, 0, SeatLetter.held)]), lists: true)],
        partition: 0, progress: nil)
      #expect(result == [.gap])
      #expect(try await projection.versions(of: [event.id]) == [2])
      #expect(try await held(redis) == 2)
      #expect(try await letters(redis) == "aaaaaaaaaa")
      #expect(try await RedisView(redis).reservation(late.id) == nil)
      #expect(try await RedisStoredView(redis).lists(of: [late.customer], limit: 9) == [[]])
    }
  }

  @Test func `reservations that the view did not know are listed, also in a change that fits only after the one before it`()
    async throws
  {
    try await withRedis { redis async throws in
      let projection = RedisProjection(redis)
      let first = ReservationRecord.queued(event.id).held([3])
      let second = ReservationRecord.queued(event.id).held([4], sequence: 2)
      let result = try await projection.project(
        [ViewChange(event.id, from: 0, to: 1, [first], held: 1), ViewChange(event.id, from: 1, to: 2, [second], held: 2)],
        partition: 0, progress: nil)
      #expect(result == [.done, .done])
      #expect(try await projection.versions(of: [event.id]) == [2])
      for reservation in [first, second] {
        #expect(try await RedisView(redis).reservation(reservation.id) == reservation)
        #expect(try await RedisStoredView(redis).lists(of: [reservation.customer], limit: 9) == [[reservation.id]])
      }
    }
  }

  @Test(arguments: [true, false])
  func `a view that is emptied between a reservation's listing and its record has both afterwards`(inAnyCase: Bool) async throws {
    try await TestServer.withOwn(.redis) { server in
      let proxy = try StallingProxy(to: server.port)
      let stalling = try redisConfiguration(of: server, commandTimeout: .seconds(60), through: proxy)
      try await withRedis(redisConfiguration(of: server)) { direct in
        try await withRedis(stalling) { redis in
          // One that the gateway noted, and one that it did not.
          let reservations = [ReservationRecord.queued(event.id), .queued(event.id)]
          _ = try await RedisView(direct).note([reservations[0]])
          let held = zip(reservations, [1, 2]).map { $0.held([SeatIndex($1)], sequence: Int64($1)) }
          let change = ViewChange(event.id, from: 0, to: 2, held, held: 2, lists: inAnyCase)
          // An argument of the script, behind the commands that list them.
          proxy.behave(.stallBefore("listed\r\n"))
          async let result = RedisProjection(redis).project([change], partition: 0, progress: nil)
          try await eventually("they are listed") {
            try await RedisStoredView(direct).lists(of: [held[1].customer], limit: 9) == [[held[1].id]]
          }
          _ = try await direct.command("FLUSHALL")
          proxy.behave(.forward)
          #expect(try await result == [.done])
          for reservation in held {
            #expect(try await RedisView(direct).reservation(reservation.id) == reservation)
            #expect(try await RedisStoredView(direct).lists(of: [reservation.customer], limit: 9) == [[reservation.id]])
          }
        }
      }
    }
  }

  @Test func `seats are shown as they were written, one by one, in runs and all at once`() async throws {
    try await withRedis { redis async throws in
      let projection = RedisProjection(redis)
      let changes: [(ViewChange.SeatChange, String)] = [
        (.some([(0, 7, SeatLetter.held)]), "aaaaaaahaa"),
        (.some([(0, 2, SeatLetter.sold), (0, 0, SeatLetter.held), (0, 1, SeatLetter.held)]), "hhsaaaahaa"),
        (.some([(0, 9, SeatLetter.held)]), "hhsaaaahah"),
        (.all([(0, Array("sssaahhhaa".utf8))]), "sssaahhhaa"),
        (.some([(0, 9, SeatLetter.sold), (0, 0, SeatLetter.available)]), "assaahhhas"),
      ]
      for (index, (seats, expected)) in changes.enumerated() {
        let change = ViewChange(event.id, from: Int64(index), to: Int64(index) + 1, seats: seats)
        #expect(try await projection.project([change], partition: 0, progress: nil) == [.done])
        #expect(try await letters(redis) == expected)
      }
    }
  }

  @Test func `single seats are not written before those of the version are there`() async throws {
    try await withRedis { redis async throws in
      let projection = RedisProjection(redis)
      let late = ViewChange(event.id, from: 2, to: 3, held: 1, seats: .some([(0, 3, SeatLetter.held)]))
      let all = ViewChange(event.id, from: 2, to: 3, held: 3, seats: .all([(0, Array("hhhaaaaaaa".utf8))]))
      let next = ViewChange(event.id, from: 3, to: 4, held: 4, seats: .some([(0, 3, SeatLetter.held)]))
      func project(_ change: ViewChange) async throws -> ProjectionResult? {
        try await projection.project([change], partition: 0, progress: nil).first
      }
      for version in 0..<2 as Range<Int64> {
        let part = ViewChange(event.id, from: version, to: version + 1, seats: .all([]), isPart: true)
        #expect(try await project(part) == .done)
      }
      #expect(try await project(late) == .gap)
      #expect(try await projection.versions(of: [event.id]) == [2])
      #expect(try await letters(redis) == nil, "the database has them")
      #expect(try await project(all) == .done)
      #expect(try await project(next) == .done)
      #expect(try await letters(redis) == "hhhhaaaaaa")
    }
  }

  @Test func `what is late is not written onto a view that is to be written again`() async throws {
    try await withRedis { redis async throws in
      let projection = RedisProjection(redis)
      let first = ViewChange(event.id, from: 0, to: 1, held: 1, seats: .some([(0, 3, SeatLetter.held)]))
      #expect(try await projection.project([first], partition: 0, progress: nil) == [.done])
      try await projection.forget(event.id)
      #expect(try await projection.versions(of: [event.id]) == [0])
      #expect(try await projection.project([first], partition: 0, progress: nil) == [.gap])
    }
  }

  @Test func `a note of what was decided long ago is replaced, and nothing else is`() async throws {
    try await withRedis { redis async throws in
      let (view, projection) = (RedisView(redis), RedisProjection(redis))
      let (noted, unknown) = (ReservationRecord.queued(event.id), ReservationRecord.queued(event.id))
      let decided = ReservationRecord.queued(event.id).held([1])
      _ = try await view.note([noted])
      _ = try await projection.project([ViewChange(event.id, from: 0, to: 1, [decided])], partition: 0, progress: nil)
      var older = decided
      older.version = 0
      try await projection.replaceNotes(by: [noted.held([2]), unknown.held([3]), older], partition: 0)
      #expect(try await view.reservation(noted.id) == noted.held([2]))
      #expect(try await view.reservation(unknown.id) == nil)
      #expect(try await view.reservation(decided.id) == decided)
    }
  }

  @Test(.timeLimit(.minutes(1))) func `what changed is told to those who listen`() async throws {
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let feed = RedisChangeFeed(try await sharedRedis(), partitioning: Partitioning(count: 3), logger: quiet)
    let (changes, continuation) = AsyncStream.makeStream(of: [UInt128]?.self)
    let listening = Task { await feed.run { continuation.yield($0) } }
    defer { listening.cancel() }
    let reservations = [ReservationRecord.queued(event.id).held([0]), ReservationRecord.queued(event.id).held([1], sequence: 2)]
    try await withRedis { redis async throws in
      var version: Int64 = 0
      for await change in changes {
        guard let change else {
          // It listens from now on; a connection that broke would have it begin anew.
          let next = ViewChange(event.id, from: version, to: version + 2, reservations)
          _ = try await RedisProjection(redis).project([next], partition: 2, progress: nil)
          version += 2
          continue
        }
        guard change.contains(event.id.rawValue) else { continue }
        #expect(change == [event.id.rawValue] + reservations.map(\.id.rawValue))
        break
      }
    }
  }

  @Test func `progress is shown`() async throws {
    try await withRedis { redis async throws in
      _ = try await RedisProjection(redis).project([], partition: 201, progress: Progress(ordinal: 12, rate: 34.5))
      #expect(try await RedisView(redis).progress(of: 201) == Progress(ordinal: 12, rate: 34.5))
      #expect(try await RedisView(redis).progress(of: 202) == Progress.none)
    }
  }

  @Test func `a view is complete from its comparison until it is emptied`() async throws {
    try await TestServer.withOwn(.redis) { server in
      try await withRedis(redisConfiguration(of: server)) { redis in
        let projection = RedisProjection(redis)
        #expect(try await projection.completePartitions(among: [0, 1]).isEmpty)
        let comparison = try await projection.beginComparison(of: 1)
        #expect(try await projection.completePartitions(among: [0, 1]).isEmpty)
        try await projection.markComplete(1, since: comparison)
        #expect(try await projection.completePartitions(among: [0, 1]) == [1])
        #expect(try await RedisView(redis).availability(of: event, in: 1) == Availability(untouched: event))
        #expect(try await letters(redis, in: 1) == "aaaaaaaaaa")

        _ = try await redis.command("FLUSHALL")
        #expect(try await projection.completePartitions(among: [0, 1]).isEmpty)
        #expect(try await RedisView(redis).availability(of: event, in: 1) == nil)
        #expect(try await letters(redis, in: 1) == nil, "every seat would look free")
      }
    }
  }

  @Test func `what is queued is known from its mark until the view is emptied`() async throws {
    try await TestServer.withOwn(.redis) { server in
      try await withRedis(redisConfiguration(of: server)) { redis in
        let (projection, view, two) = (RedisProjection(redis), RedisView(redis), Partitioning(count: 2))
        for partition in 0..<2 {
          #expect(try await !view.knowsWhatIsQueued(two))
          try await projection.markNoted(partition, since: try await projection.beginComparison(of: partition))
        }
        #expect(try await projection.notedPartitions(among: [0, 1]) == [0, 1])
        #expect(try await view.knowsWhatIsQueued(two))
        let older = try await projection.beginComparison(of: 0)
        _ = try await redis.command("FLUSHALL")
        #expect(try await !view.knowsWhatIsQueued(two))
        try await projection.markNoted(0, since: older)
        #expect(try await projection.notedPartitions(among: [0, 1]).isEmpty)
        // As a copy of before a restart would have it.
        for partition in 0..<2 { _ = try await redis.command("SET", arguments: ["th:{p\(partition)}:noted", "another run"]) }
        #expect(try await !view.knowsWhatIsQueued(two))
      }
    }
  }

  @Test func `a view that was emptied during the comparison is not complete`() async throws {
    try await TestServer.withOwn(.redis) { server in
      try await withRedis(redisConfiguration(of: server)) { redis in
        let projection = RedisProjection(redis)
        let interrupted = try await projection.beginComparison(of: 0)
        _ = try await redis.command("FLUSHALL")
        try await projection.markComplete(0, since: interrupted)
        #expect(try await projection.completePartitions(among: [0]).isEmpty)
        let next = try await projection.beginComparison(of: 0)
        try await projection.markComplete(0, since: interrupted)
        #expect(try await projection.completePartitions(among: [0]).isEmpty, "of another comparison")
        try await projection.markComplete(0, since: next)
        #expect(try await projection.completePartitions(among: [0]) == [0])
      }
    }
  }
}
