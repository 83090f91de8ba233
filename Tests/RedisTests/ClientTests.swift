import Redis
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct ClientTests {
  @Test func `values of any bytes come back as they were sent`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    let values: [[UInt8]] = [
      [], [0], [13, 10], Array("$-1\r\n".utf8), Array(0...255), .init(repeating: 0, count: 1 << 20),
      (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31) },
    ]
    for value in values {
      let key = unique("binary")
      #expect(try await client.command("SET", .string(key), .bytes(value)) == .status("OK"))
      #expect(try await client.command("GET", .string(key)) == .bytes(value))
      #expect(try await client.command("DEL", .string(key)) == .integer(1))
      #expect(try await client.command("GET", .string(key)) == .null)
    }
  }

  @Test func `every kind of reply is understood`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    let nested = try await client.command("EVAL", "return {1, 'a', {}, {false, {redis.status_reply('FINE')}}}", 0)
    #expect(nested == .array([.integer(1), .bytes([97]), .array([]), .array([.null, .array([.status("FINE")])])]))
    #expect(try await client.command("EVAL", "return -9007199254740993", 0) == .integer(-9_007_199_254_740_992))
    let key = RedisArgument.string(unique("scores"))
    _ = try await client.command("ZADD", key, .double(0.1), "a", .double(.infinity), "b", .integer(.max), "c")
    #expect(try await client.command("ZSCORE", key, "a").string.flatMap(Double.init) == 0.1)
    #expect(try await client.command("ZSCORE", key, "b").string == "inf")
    _ = try await client.command("DEL", key)
  }

  @Test func `a refused command is an error, and the next one is served on the same connection`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    let key = RedisArgument.string(unique("text"))
    _ = try await client.command("SET", key, "text")
    let connection = try await client.command("CLIENT", "ID")
    let (error, _) = await failure { () async throws(RedisError) in try await client.command("INCR", key) }
    #expect(error?.code == .server)
    #expect(error?.isRetryable == false)
    #expect(error?.message.contains("INCR") == true && error?.message.contains("not an integer") == true)
    #expect(try await client.command("CLIENT", "ID") == connection)
    _ = try await client.command("DEL", key)
  }

  @Test func `a pipeline of 25,000 commands is answered in order`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    var pipeline = RedisPipeline()
    for number in 0..<25_000 { pipeline.append("ECHO", "\(number)") }
    let replies = try await client.send(pipeline)
    #expect(replies.map(\.int) == Array(0..<25_000))
  }

  @Test func `a pipeline of more megabytes than any buffer holds is answered`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    var pipeline = RedisPipeline()
    let values = (0..<24).map { [UInt8](repeating: $0, count: 1 << 20) }
    for value in values { pipeline.append("ECHO", .bytes(value)) }
    #expect(try await client.send(pipeline).map(\.bytes) == values)
  }

  @Test func `an empty pipeline asks nobody`() async throws {
    let client = RedisClient.make(try RedisConfiguration(url: "redis://127.0.0.1:1"))
    #expect(try await client.send(RedisPipeline()).isEmpty)
  }

  @Test func `errors in a pipeline do not disturb their neighbours`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    let key = RedisArgument.string(unique("list"))
    var pipeline = RedisPipeline()
    pipeline.append("RPUSH", key, "a")
    pipeline.append("INCR", key)
    pipeline.append("NOSUCHCOMMAND", "argument")
    pipeline.append("RPUSH", key)
    pipeline.append("LRANGE", key, 0, -1)
    pipeline.append("DEL", key)
    let replies = try await client.send(pipeline)
    #expect(replies.count == 6)
    #expect(replies[0] == .integer(1))
    #expect(replies[1].error?.hasPrefix("WRONGTYPE ") == true)
    #expect(replies[2].error?.contains("unknown command") == true)
    #expect(replies[3].error?.contains("wrong number") == true)
    #expect(replies[4] == .array([.bytes([97])]))
    #expect(replies[5] == .integer(1))
  }

  @Test(arguments: [UInt64](0..<8))
  func `random commands with random bytes do what they do to a dictionary`(seed: UInt64) async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    let prefix = Array(unique("random").utf8)
    var random = SeededRandom(seed)
    func bytes(upTo count: Int) -> [UInt8] {
      (0..<Int.random(in: 0...count, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
    let keys = (0..<8).map { _ in prefix + bytes(upTo: 30) }
    var model: [[UInt8]: [UInt8]] = [:]
    for _ in 0..<30 {
      var pipeline = RedisPipeline()
      var expected: [RedisReply] = []
      for _ in 0..<Int.random(in: 1...100, using: &random) {
        let key = keys.randomElement(using: &random)!
        let value = bytes(upTo: Bool.random(using: &random) ? 20 : 2000)
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
          pipeline.append("SET", .bytes(key), .bytes(value))
          model[key] = value
          expected.append(.status("OK"))
        case 1:
          pipeline.append("APPEND", arguments: [.bytes(key), .bytes(value)])
          model[key, default: []] += value
          expected.append(.integer(Int64(model[key]?.count ?? 0)))
        case 2:
          pipeline.append("DEL", .bytes(key))
          expected.append(.integer(model.removeValue(forKey: key) == nil ? 0 : 1))
        case 3:
          pipeline.append("MGET", arguments: keys.map { .bytes($0) })
          expected.append(.array(keys.map { model[$0].map { .bytes($0) } ?? .null }))
        case 4:
          pipeline.append("ECHO", .bytes(value))
          expected.append(.bytes(value))
        default:
          pipeline.append("GET", .bytes(key))
          expected.append(model[key].map { .bytes($0) } ?? .null)
        }
      }
      #expect(try await client.send(pipeline) == expected)
    }
    _ = try await client.command("DEL", arguments: keys.map { .bytes($0) })
  }

  @Test func `concurrent callers of one client get their own replies`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    try await withThrowingTaskGroup { group in
      for caller in 0..<64 {
        group.addTask {
          for number in 0..<25 {
            let token = "\(caller)-\(number)"
            var pipeline = RedisPipeline()
            for part in 0...(number % 4) { pipeline.append("ECHO", "\(token)-\(part)") }
            let replies = try await client.send(pipeline)
            #expect(replies.map(\.string) == (0...(number % 4)).map { "\(token)-\($0)" })
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func `a client has the database and the name that it was given`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis), database: 7, clientName: "a-test"))
    let info = try await client.command("CLIENT", "INFO").string ?? ""
    #expect(info.contains(" db=7 "))
    #expect(info.contains(" name=a-test "))
  }

  @Test func `a user with a password of any characters is let in, also without the right to PING`() async throws {
    let server = try await TestServer.shared(.redis)
    let admin = RedisClient.make(try configuration(of: server))
    let user = unique("user")
    _ = try await admin.command("ACL", "SETUSER", .string(user), "on", ">p@s/s:é %", "~*", "+get")
    let credentials = user.replacing(":", with: "%3A") + ":p%40s%2Fs%3A%C3%A9%20%25"
    let client = RedisClient.make(try RedisConfiguration(url: "redis://\(credentials)@127.0.0.1:\(server.port)"))
    #expect(try await client.command("GET", .string(unique("nothing"))) == .null)
    let (error, _) = await failure { () async throws(RedisError) in try await client.echo("a") }
    #expect(error?.message.contains("NOPERM") == true)
    _ = try await admin.command("ACL", "DELUSER", .string(user))
  }

  @Test(arguments: ["", "hunter2@", ":hunter2@", "nobody:hunter2@"])
  func `a wrong password, user or none is said so, and not repeated`(credentials: String) async throws {
    let server = try await TestServer.shared(.redis)
    let client = RedisClient.make(try RedisConfiguration(url: "redis://\(credentials)127.0.0.1:\(server.port)"))
    let (error, _) = await failure { () async throws(RedisError) in try await client.echo("a") }
    #expect(error?.code == .authenticationFailed)
    #expect(error?.isRetryable == false)
    #expect(error?.message.contains("127.0.0.1:\(server.port)") == true)
    #expect(error?.message.contains("hunter2") == false)
  }

  @Test func `a database that does not exist is said so, and the connection is not kept`() async throws {
    let server = try await TestServer.shared(.redis)
    let client = RedisClient.make(try configuration(of: server, database: 999, clientName: "no-database"))
    let (error, _) = await failure { () async throws(RedisError) in try await client.echo("a") }
    #expect(error?.code == .connectFailed)
    #expect(error?.isRetryable == false)
    #expect(error?.message.contains("DB index") == true)
    let admin = RedisClient.make(try configuration(of: server))
    try await eventually("the end of the connection") { try await !isConnected("no-database", admin) }
  }

  @Test func `a closed client refuses, and its connection is gone`() async throws {
    let server = try await TestServer.shared(.redis)
    let admin = RedisClient.make(try configuration(of: server))
    let client = RedisClient.make(try configuration(of: server, clientName: "to-be-closed"))
    #expect(try await client.echo("a") == "a")
    await client.close()
    let (error, _) = await failure { () async throws(RedisError) in try await client.echo("a") }
    #expect(error?.code == .unavailable)
    #expect(error?.isRetryable == false)
    try await eventually("the end of the connection") { try await !isConnected("to-be-closed", admin) }
  }

  @Test func `a client that nobody holds any more closes its connection`() async throws {
    let server = try await TestServer.shared(.redis)
    let admin = RedisClient.make(try configuration(of: server))
    var client: RedisClient? = RedisClient.make(try configuration(of: server, clientName: "to-be-dropped"))
    #expect(try await client?.echo("a") == "a")
    #expect(try await isConnected("to-be-dropped", admin))
    client = nil
    try await eventually("the end of the connection") { try await !isConnected("to-be-dropped", admin) }
  }

  private func isConnected(_ name: String, _ admin: RedisClient) async throws -> Bool {
    try await admin.command("CLIENT", "LIST").string?.contains(" name=\(name) ") == true
  }

  @Test func `how fast pipelines of 256 are`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    let key = unique("speed")
    let value = RedisArgument.bytes([UInt8](repeating: 120, count: 200))
    let start = ContinuousClock.now
    for round in 0..<200 {
      var pipeline = RedisPipeline()
      for number in 0..<256 { pipeline.append("SET", .string("\(key):\(round * 256 + number)"), value, "PX", 60_000) }
      let replies = try await client.send(pipeline)
      #expect(replies.count == 256 && replies.allSatisfy { $0 == .status("OK") })
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    print("Redis: \(Int(200 * 256 / seconds)) SETs/s in pipelines of 256 with 200 bytes each")
  }
}
