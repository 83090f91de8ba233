import Backends
import BackendsTestSupport
import Pipeline
import Redis
import TestSupport
import Testing
import Ticketing

struct ViewTests {
  private let event: EventID = random()
  private static let partitioning = Partitioning(count: 2)

  private func listed(
    of customer: CustomerID, in view: RedisView, after mark: PageMark? = nil, limit: Int = 9
  ) async throws -> [ReservationRecord]? {
    try await view.reservations(of: customer, in: Self.partitioning, after: mark, limit: limit)
  }

  @Test func `a reservation is noted once`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let record = ReservationRecord.queued(event)
      #expect(try await view.note([record]) == [nil])
      var repeated = record
      repeated.createdAt = record.createdAt.adding(seconds: 1)
      let other = ReservationRecord.queued(event, by: record.customer, at: record.createdAt.adding(seconds: 2))
      #expect(try await view.note([repeated, other]) == [record, nil])
      #expect(try await view.reservation(record.id) == record)
      #expect(try await RedisStoredView(redis).lists(of: [record.customer], limit: 9) == [[other.id, record.id]])
    }
  }

  @Test func `a note over which the view is emptied is made again, and can be withdrawn as any other`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let proxy = try StallingProxy(to: server.port)
      let stalling = try redisConfiguration(of: server, commandTimeout: .seconds(60), through: proxy)
      try await withRedis(redisConfiguration(of: server)) { direct async throws in
        try await withRedis(stalling) { redis async throws in
          let record = ReservationRecord.queued(event)
          // The reservation is listed, and not noted yet.
          proxy.behave(.stallBefore("NX\r\n"))
          let noted = Task { try await RedisView(redis).note([record]) }
          try await eventually("it is listed") {
            try await RedisStoredView(direct).lists(of: [record.customer], limit: 9) == [[record.id]]
          }
          _ = try await direct.command("FLUSHALL")
          proxy.behave(.forward)
          #expect(try await noted.value == [nil])
          #expect(try await RedisView(direct).reservation(record.id) == record)
          #expect(try await RedisStoredView(direct).lists(of: [record.customer], limit: 9) == [[record.id]])
          try await RedisView(direct).withdraw([record])
          #expect(try await RedisView(direct).reservation(record.id) == nil)
        }
      }
    }
  }

  @Test func `what was noted and is not listed is listed when its request comes again, by its first time`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let record = ReservationRecord.queued(event)
      _ = try await view.note([record])
      #expect(try await redis.command("DEL", arguments: ["th:{\(record.customer)}:reservations"]) == .integer(1))
      var repeated = record
      repeated.createdAt = record.createdAt.adding(seconds: 1)
      #expect(try await view.note([repeated]) == [record])
      #expect(try await RedisStoredView(redis).areListed([(record.customer, record.pageMark)]) == [true])
      #expect(try await RedisStoredView(redis).lists(of: [record.customer], limit: 9) == [[record.id]])
    }
  }

  @Test func `while Redis hangs no poll waits for it but the first`() async throws {
    try await TestServer.withOwn(.redis) { server in
      try await withRedis(try redisConfiguration(of: server, commandTimeout: .milliseconds(500))) { redis in
        let view = RedisView(redis)
        let id = ReservationRecord.queued(event).id
        try await eventually("a connection") { try await view.reservation(id) == nil }
        try await server.suspend()
        await #expect(throws: ViewUnavailable.self) { try await view.reservation(id) }
        let start = ContinuousClock.now
        for _ in 0..<40 { await #expect(throws: ViewUnavailable.self) { try await view.reservation(id) } }
        #expect(.now - start < .seconds(10), "with a timeout each it would take 20 s")
        try server.resume()
        try await eventually("an answer of the server that goes on") { try await view.reservation(id) == nil }
      }
    }
  }

  @Test func `a note is withdrawn with its entry in the list unless it was decided`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let now = wallClock()
      let decided = ReservationRecord.queued(event, at: now)
      let undecided = ReservationRecord.queued(event, by: decided.customer, at: now.adding(seconds: 1))
      _ = try await view.note([decided, undecided])
      let decision = decided.held([0])
      _ = try await RedisProjection(redis).project([ViewChange(event, from: 0, to: 1, [decision])], partition: 0, progress: nil)
      try await view.withdraw([decided, undecided])
      #expect(try await view.reservation(decided.id) == decision)
      #expect(try await view.reservation(undecided.id) == nil)
      #expect(try await RedisStoredView(redis).lists(of: [decided.customer], limit: 9) == [[decided.id]])
      #expect(try await view.note([undecided]) == [nil], "it may be noted anew")
    }
  }

  @Test func `a note that a repeated request relies on is withdrawn by the last of them`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let first = ReservationRecord.queued(event)
      var (second, third) = (first, first)
      second.createdAt = first.createdAt.adding(seconds: 1)
      third.ordinal = first.ordinal + 7
      #expect(try await view.note([first]) == [nil])
      #expect(try await view.note([second, third]) == [first, first])
      try await view.withdraw([first])
      try await view.withdraw([first])
      #expect(try await view.reservation(first.id) == first)
      #expect(try await RedisStoredView(redis).lists(of: [first.customer], limit: 9) == [[first.id]])
      try await view.withdraw([first])
      #expect(try await view.reservation(first.id) == nil)
      #expect(try await RedisStoredView(redis).lists(of: [first.customer], limit: 9) == [[]])
      #expect(try await view.note([second]) == [nil], "it may be noted anew")
      try await view.withdraw([second])
      #expect(try await view.reservation(first.id) == nil, "and nobody relies on it any more")
    }
  }

  @Test func `another request under the same key does not rely on the note`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let first = ReservationRecord.queued(event)
      var other = first
      other.request.selection = .best(section: 0, quantity: 7, adjacent: false)
      #expect(try await view.note([first]) == [nil])
      #expect(try await view.note([other]) == [first])
      try await view.withdraw([first])
      #expect(try await view.reservation(first.id) == nil)
    }
  }

  @Test func `places in line are distinct and follow each other`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let partitions = [211, 212]
      var taken: [Int: [Int64]] = [:]
      try await withThrowingTaskGroup { group in
        for count in 1...20 {
          group.addTask {
            let places = try await view.takePlaces([partitions[0]: count, partitions[1]: 21 - count])
            return [partitions[0]: (places, count), partitions[1]: (places, 21 - count)]
          }
        }
        for try await answer in group {
          for (partition, (places, count)) in answer {
            let first = try #require(places[partition]?.first)
            taken[partition, default: []] += (0..<count).map { first + Int64($0) }
          }
        }
      }
      for partition in partitions {
        let places = try #require(taken[partition]).sorted()
        #expect(places.count == 210 && places.first.map { Array($0..<($0 + 210)) } == places)
      }
    }
  }

  @Test func `a line that was lost goes on where it was, for those that know it and for others`() async throws {
    try await withRedis { redis async throws in
      let (view, other) = (RedisView(redis), RedisView(redis))
      #expect(try await view.takePlaces([213: 1000])[213]?.first == 1)
      try await show(Progress(ordinal: 400, rate: 50), of: 213, redis)
      #expect(try await view.takePlaces([213: 10])[213] == Places(first: 1001, progress: Progress(ordinal: 400, rate: 50)))

      _ = try await redis.command("DEL", arguments: ["th:{p213}:line", "th:{p213}:progress"])
      #expect(try await view.progress(of: 213).ordinal == 400)
      #expect(try await other.takePlaces([213: 5])[213] == Places(first: 1, progress: .none))
      #expect(try await view.takePlaces([213: 10])[213] == Places(first: 1011, progress: Progress(ordinal: 400, rate: 50)))
      #expect(try await other.takePlaces([213: 5])[213] == Places(first: 1021, progress: Progress(ordinal: 400, rate: 50)))
      // An old copy.
      _ = try await redis.command("SET", arguments: ["th:{p213}:line", "7"])
      try await show(Progress(ordinal: 3, rate: 9), of: 213, redis)
      #expect(try await view.takePlaces([213: 1])[213] == Places(first: 1021, progress: Progress(ordinal: 400, rate: 50)))
      #expect(try await other.progress(of: 213).ordinal == 400)
      try await show(Progress(ordinal: 500, rate: 9), of: 213, redis)
      #expect(try await view.takePlaces([213: 1])[213] == Places(first: 1022, progress: Progress(ordinal: 500, rate: 9)))
    }
  }

  private func show(_ progress: Progress, of partition: Int, _ redis: RedisClient) async throws {
    _ = try await RedisProjection(redis).project([], partition: partition, progress: progress)
  }

  @Test func `a command about a reservation is remembered`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let (command, reservation): (CommandID, ReservationID) = (random(), random())
      try await view.remember(command, about: reservation)
      #expect(try await view.remembers(command, about: reservation))
      #expect(try await !view.remembers(command, about: random()))
      #expect(try await !view.remembers(random(), about: reservation))
    }
  }

  @Test func `a request that was noted, and decided as it was repeated, is listed once, by the time of its decision`()
    async throws
  {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let now = wallClock()
      let older = ReservationRecord.queued(event, at: now)
      let noted = ReservationRecord.queued(event, by: older.customer, at: now.adding(seconds: -1))
      _ = try await view.note([older, noted])
      // The gateway died before it queued the request, and another one queued its repetition.
      var decided = noted.held([0])
      decided.createdAt = now.adding(seconds: 1)
      let change = ViewChange(event, from: 0, to: 1, [decided])
      _ = try await RedisProjection(redis).project([change], partition: 0, progress: nil)
      try await markComplete(Self.partitioning, in: redis)
      #expect(try await listed(of: older.customer, in: view) == [decided, older])
      #expect(try await listed(of: older.customer, in: view, limit: 1) == [decided])
      #expect(try await listed(of: older.customer, in: view, after: decided.pageMark) == [older])
    }
  }

  @Test(arguments: [1, 7, 10, 100])
  func `a customer's reservations come newest first, each once, whatever the page`(limit: Int) async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let customer: CustomerID = random()
      let now = wallClock()
      // Most are of the same microsecond; one is older than 1970.
      var times = Array(repeating: now, count: 30) + (1...5).flatMap { [now.adding(seconds: $0), now.adding(seconds: -$0)] }
      times.append(Timestamp(microseconds: -1))
      let records = times.shuffled().map { ReservationRecord.queued(event, by: customer, at: $0) }
      _ = try await view.note(records)
      try await markComplete(Self.partitioning, in: redis)

      var listed: [ReservationRecord] = []
      while let page = try await view.reservations(
        of: customer, in: Self.partitioning, after: listed.last?.pageMark, limit: limit)
      {
        #expect(page.count == min(limit, records.count - listed.count))
        listed += page
        if page.isEmpty || listed.count > records.count { break }
      }
      #expect(listed == records.sorted { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) })
    }
  }

  @Test func `a customer's list that is gone is none, on its first page and on later ones`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let record = ReservationRecord.queued(event)
      _ = try await view.note([record])
      try await markComplete(Self.partitioning, in: redis)
      let newer = PageMark(time: record.createdAt.adding(seconds: 1), id: 1)
      #expect(try await listed(of: record.customer, in: view) == [record])
      #expect(try await listed(of: record.customer, in: view, after: newer) == [record])
      #expect(try await redis.command("DEL", arguments: ["th:{\(record.customer)}:reservations"]) == .integer(1))
      #expect(try await listed(of: record.customer, in: view) == nil)
      #expect(try await listed(of: record.customer, in: view, after: newer) == nil)
    }
  }

  @Test func `customers who ask for their lists at the same moment each get their own`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      var own: [CustomerID: [ReservationRecord]] = [:]
      for count in 0..<40 {
        let customer: CustomerID = random()
        own[customer] = (0..<count % 4).map { index in
          ReservationRecord.queued(event, by: customer, at: Timestamp(microseconds: Int64(1_000 - index)))
        }
      }
      _ = try await view.note(own.values.flatMap(\.self))
      try await markComplete(Self.partitioning, in: redis)
      for limit in 1...3 {
        var lists: [CustomerID: Task<[ReservationRecord]?, any Error>] = [:]
        // Not by `listed(of:…)`: a task that has this struct in its closure crashes, as Swift 6.3.1 compiles it.
        for customer in own.keys {
          lists[customer] = Task {
            try await view.reservations(of: customer, in: Self.partitioning, after: nil, limit: limit)
          }
        }
        for (customer, list) in lists {
          let records = own[customer, default: []].prefix(limit)
          let found = try await list.value
          #expect(found == (records.isEmpty ? nil : Array(records)))
        }
      }
    }
  }

  @Test func `a customer's list of which a record is gone is none`() async throws {
    try await withRedis { redis async throws in
      let view = RedisView(redis)
      let older = ReservationRecord.queued(event)
      let newer = ReservationRecord.queued(event, by: older.customer, at: older.createdAt.adding(seconds: 1))
      _ = try await view.note([older, newer])
      try await markComplete(Self.partitioning, in: redis)
      let key = RedisArgument.string("th:{\(older.id.description.prefix(8))}:reservation:\(older.id)")
      #expect(try await redis.command("DEL", key) == .integer(1))
      #expect(try await view.reservations(of: older.customer, in: Self.partitioning, after: nil, limit: 9) == nil)
      #expect(try await view.reservations(of: older.customer, in: Self.partitioning, after: nil, limit: 1) == [newer])
    }
  }

  @Test func `customers' lists are none until all partitions are complete, and again when the view is emptied or of another run`()
    async throws
  {
    try await TestServer.withOwn(.redis) { server in
      try await withRedis(redisConfiguration(of: server)) { redis async throws in
        let view = RedisView(redis)
        let record = ReservationRecord.queued(event)
        _ = try await view.note([record])
        for count in 0..<Self.partitioning.count {
          #expect(try await listed(of: record.customer, in: view) == nil)
          try await markComplete(Partitioning(count: count + 1), in: redis)
        }
        #expect(try await listed(of: record.customer, in: view) == [record])
        // As a copy of before a restart would have it.
        _ = try await redis.command("SET", arguments: ["th:{p1}:complete", "another run"])
        #expect(try await listed(of: record.customer, in: view) == nil)
        try await markComplete(Self.partitioning, in: redis)
        #expect(try await listed(of: record.customer, in: view) == [record])

        _ = try await redis.command("FLUSHALL")
        // What is shown first is not all.
        _ = try await view.note([ReservationRecord.queued(event, by: record.customer)])
        #expect(try await listed(of: record.customer, in: view) == nil)
      }
    }
  }
}
