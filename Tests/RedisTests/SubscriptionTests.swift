import Redis
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct SubscriptionTests {
  @Test func `messages of any bytes arrive in order, each with its channel`() async throws {
    let server = try await TestServer.shared(.redis)
    let publisher = RedisClient.make(try configuration(of: server))
    let channels = [unique("a"), unique("b")]
    let subscription = RedisSubscription.start(try configuration(of: server), channels: channels)
    var events = subscription.events.makeAsyncIterator()
    #expect(await events.next(isolation: #isolation) == .subscribed)

    var random = SeededRandom(1)
    let messages = (0..<3000).map { number in
      (
        channels.randomElement(using: &random)!,
        (0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      )
    }
    var pipeline = RedisPipeline()
    for (channel, payload) in messages { pipeline.append("PUBLISH", .string(channel), .bytes(payload)) }
    #expect(try await publisher.send(pipeline).allSatisfy { $0 == .integer(1) })
    for (channel, payload) in messages {
      #expect(await events.next(isolation: #isolation) == .message(channel: channel, payload: payload))
    }
    await subscription.close()
  }

  @Test func `a large message arrives`() async throws {
    let server = try await TestServer.shared(.redis)
    let publisher = RedisClient.make(try configuration(of: server))
    let channel = unique("large")
    let subscription = RedisSubscription.start(try configuration(of: server), channels: [channel])
    var events = subscription.events.makeAsyncIterator()
    #expect(await events.next(isolation: #isolation) == .subscribed)
    let payload = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) }
    _ = try await publisher.command("PUBLISH", .string(channel), .bytes(payload))
    #expect(await events.next(isolation: #isolation) == .message(channel: channel, payload: payload))
    await subscription.close()
  }

  @Test func `a consumer that is too slow is told that it missed something, and gets the newest`() async throws {
    let server = try await TestServer.shared(.redis)
    let publisher = RedisClient.make(try configuration(of: server))
    let channel = unique("flood")
    let subscription = RedisSubscription.start(try configuration(of: server), channels: [channel])
    var events = subscription.events.makeAsyncIterator()
    #expect(await events.next(isolation: #isolation) == .subscribed)
    var missed = false
    // Nothing says how much of a flood has arrived, so another one follows where the consumer kept up with the first.
    for flood in 0..<20 where !missed {
      var pipeline = RedisPipeline()
      for _ in 0..<4 * RedisSubscription.bufferedEvents { pipeline.append("PUBLISH", .string(channel), "flood") }
      pipeline.append("PUBLISH", .string(channel), "end \(flood)")
      _ = try await publisher.send(pipeline)
      let end = RedisSubscriptionEvent.message(channel: channel, payload: Array("end \(flood)".utf8))
      while let event = await events.next(isolation: #isolation), event != end {
        if event == .missed { missed = true }
      }
    }
    #expect(missed)
    await subscription.close()
  }

  @Test func `a subscription whose server restarts is lost, stands again, and delivers again`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let publisher = RedisClient.make(try configuration(of: server))
      let subscription = RedisSubscription.start(try configuration(of: server), channels: ["news"])
      var events = subscription.events.makeAsyncIterator()
      #expect(await events.next(isolation: #isolation) == .subscribed)
      for round in 0..<2 {
        if round == 0 { try await server.kill() } else { try await server.stop() }
        let lost = await events.next(isolation: #isolation)
        #expect(code(of: lost) == .connectionLost)
        try await server.start()
        #expect(await events.next(isolation: #isolation) == .subscribed)
        _ = try await publisher.command("PUBLISH", "news", "round \(round)")
        #expect(await events.next(isolation: #isolation) == .message(channel: "news", payload: Array("round \(round)".utf8)))
      }
      await subscription.close()
    }
  }

  @Test func `a subscription that was lost many times stands again as soon as after the first`() async throws {
    let server = try await TestServer.shared(.redis)
    let proxy = try StallingProxy(to: server.port)
    var configuration = try RedisConfiguration(url: server.url.replacing(":\(server.port)", with: ":\(proxy.port)"))
    configuration.connectTimeout = .seconds(10)
    configuration.commandTimeout = .seconds(20)
    let subscription = RedisSubscription.start(configuration, channels: [unique("news")])
    var events = subscription.events.makeAsyncIterator()
    #expect(await events.next(isolation: #isolation) == .subscribed)
    var gaps: [Duration] = []
    for _ in 0..<10 {
      let cut = ContinuousClock.now
      proxy.cut()
      #expect(code(of: await events.next(isolation: #isolation)) == .connectionLost)
      #expect(await events.next(isolation: #isolation) == .subscribed)
      gaps.append(ContinuousClock.now - cut)
    }
    // If the pauses went on doubling, each of these would last for half of the longest at least. A busy machine may delay some.
    #expect(gaps.dropFirst(6).contains { $0 < .seconds(2.5) }, "\(gaps)")
    await subscription.close()
    proxy.close()
  }

  @Test func `a subscription whose server hangs is lost in bounded time, and stands again when it goes on`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let publisher = RedisClient.make(try configuration(of: server))
      let subscription = RedisSubscription.start(try configuration(of: server, commandTimeout: .seconds(1)), channels: ["news"])
      var events = subscription.events.makeAsyncIterator()
      #expect(await events.next(isolation: #isolation) == .subscribed)
      try await server.suspend()
      let start = ContinuousClock.now
      #expect(code(of: await events.next(isolation: #isolation)) == .timedOut)
      // The heartbeat and the command timeout are 3 s.
      #expect(ContinuousClock.now - start < .seconds(10))
      try server.resume()
      #expect(await events.next(isolation: #isolation) == .subscribed)
      _ = try await publisher.command("PUBLISH", "news", "again")
      #expect(await events.next(isolation: #isolation) == .message(channel: "news", payload: Array("again".utf8)))
      await subscription.close()
    }
  }

  @Test func `a silent server that answers its heartbeats keeps the subscription`() async throws {
    let server = try await TestServer.shared(.redis)
    let admin = RedisClient.make(try configuration(of: server))
    let channel = unique("quiet")
    let name = "quiet-subscriber"
    let subscription = RedisSubscription.start(try configuration(of: server, clientName: name), channels: [channel])
    var events = subscription.events.makeAsyncIterator()
    #expect(await events.next(isolation: #isolation) == .subscribed)
    try await eventually("a heartbeat") {
      try await admin.command("CLIENT", "LIST").string?.contains(try Regex("name=\(name) .*cmd=ping")) == true
    }
    _ = try await admin.command("PUBLISH", .string(channel), "after the heartbeat")
    #expect(
      await events.next(isolation: #isolation) == .message(channel: channel, payload: Array("after the heartbeat".utf8)))
    await subscription.close()
  }

  @Test func `a subscription begun while the server is away says so once and stands when it is there`() async throws {
    try await TestServer.withOwn(.redis) { server in
      try await server.stop()
      let subscription = RedisSubscription.start(try configuration(of: server), channels: ["news"])
      var events = subscription.events.makeAsyncIterator()
      #expect(code(of: await events.next(isolation: #isolation)) == .connectFailed)
      try await server.start()
      #expect(await events.next(isolation: #isolation) == .subscribed)
      await subscription.close()
    }
  }

  @Test func `a subscription that is not allowed is lost for that reason`() async throws {
    let server = try await TestServer.shared(.redis)
    let admin = RedisClient.make(try configuration(of: server))
    let user = "user\(UInt64.random(in: 0...UInt64.max))"
    _ = try await admin.command("ACL", "SETUSER", .string(user), "on", ">secret", "&allowed", "+subscribe", "+ping")
    let subscription = RedisSubscription.start(
      try RedisConfiguration(url: "redis://\(user):secret@127.0.0.1:\(server.port)"), channels: ["allowed", "forbidden"])
    var events = subscription.events.makeAsyncIterator()
    #expect(code(of: await events.next(isolation: #isolation)) == .server)
    await subscription.close()
    _ = try await admin.command("ACL", "DELUSER", .string(user))
  }

  enum End: CaseIterable { case closed, dropped, cancelled }

  @Test(arguments: End.allCases)
  func `a subscription that is closed, dropped or no longer consumed ends, and its connection too`(end: End) async throws {
    let server = try await TestServer.shared(.redis)
    let admin = RedisClient.make(try configuration(of: server))
    let channel = unique("ends")
    func subscribers() async throws -> Int? {
      try await admin.command("PUBSUB", "NUMSUB", .string(channel)).array?.last?.int
    }
    var subscription: RedisSubscription? = RedisSubscription.start(try configuration(of: server), channels: [channel])
    let events = try #require(subscription?.events)
    try await eventually("the subscription") { try await subscribers() == 1 }
    switch end {
    case .closed:
      await subscription?.close()
      var all = events.makeAsyncIterator()
      #expect(await all.next(isolation: #isolation) == .subscribed)
      #expect(await all.next(isolation: #isolation) == nil)
    case .dropped:
      subscription = nil
      var all = events.makeAsyncIterator()
      #expect(await all.next(isolation: #isolation) == .subscribed)
      #expect(await all.next(isolation: #isolation) == nil)
    case .cancelled:
      let consumer = Task { for await _ in events {} }
      consumer.cancel()
      await consumer.value
      // What comes next shows that nobody listens.
      _ = try await admin.command("PUBLISH", .string(channel), "anybody there?")
    }
    try await eventually("the end of the subscription") { try await subscribers() == 0 }
    _ = subscription
  }

  private func code(of event: RedisSubscriptionEvent?) -> RedisError.Code? {
    if case .lost(let error) = event { error.code } else { nil }
  }
}
