import Redis
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct ScriptTests {
  private let script = RedisScript("return {KEYS[1], ARGV[1], #KEYS, #ARGV}")
  private let answer = RedisReply.array([.bytes([107]), .bytes([0, 255]), .integer(1), .integer(2)])

  @Test func `Redis knows a script by the same SHA-1`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    for length in [1, 17, 55, 56, 63, 64, 65, 119, 120, 1000] {
      let script = RedisScript("return '" + String(repeating: "é", count: length) + "'")
      #expect(try await client.command("SCRIPT", "LOAD", .string(script.source)).string == script.sha1)
    }
  }

  @Test func `a script runs although the server has forgotten it`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let client = RedisClient.make(try configuration(of: server))
      for _ in 0..<2 {
        #expect(try await client.run(script, keys: ["k"], arguments: [.bytes([0, 255]), 2]) == answer)
        #expect(try await client.command("SCRIPT", "EXISTS", .string(script.sha1)) == .array([.integer(1)]))
        #expect(try await client.run(script, keys: ["k"], arguments: [.bytes([0, 255]), 2]) == answer)
        _ = try await client.command("SCRIPT", "FLUSH")
        #expect(try await client.command("SCRIPT", "EXISTS", .string(script.sha1)) == .array([.integer(0)]))
      }
      var pipeline = RedisPipeline()
      pipeline.append("ECHO", "before")
      pipeline.append(script, keys: ["k"], arguments: [.bytes([0, 255]), 2])
      pipeline.append(script, keys: ["k"], arguments: [.bytes([0, 255]), 2])
      pipeline.append("ECHO", "after")
      let replies = try await client.send(pipeline)
      #expect(replies[1] == answer && replies[2] == answer)
      #expect([replies[0].string, replies[3].string] == ["before", "after"])
    }
  }

  @Test func `a script that fails is an error`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    let failing = RedisScript("return redis.error_reply('ERR as told')")
    for _ in 0..<2 {
      let (error, _) = await failure { () async throws(RedisError) in try await client.run(failing) }
      #expect(error?.code == .server)
      #expect(error?.message.contains("as told") == true)
    }
  }

  @Test func `a library is loaded, called, replaced, missed and loaded again`() async throws {
    let client = RedisClient.make(try configuration(of: await .shared(.redis)))
    let name = "lib" + String(UInt64.random(in: 0...UInt64.max))
    func library(_ answer: String) -> String {
      "#!lua name=\(name)\nredis.register_function('\(name)_f', function(keys, args) return '\(answer)' .. #keys .. args[1] end)"
    }
    try await client.load(library: library("first"))
    #expect(try await client.call(function: "\(name)_f", keys: ["k"], arguments: ["x"]).string == "first1x")

    let (error, _) = await failure { () async throws(RedisError) in
      try await client.load(library: library("second"), replacing: false)
    }
    #expect(error?.code == .server)
    #expect(error?.message.contains("already exists") == true)
    try await client.load(library: library("second"))

    var pipeline = RedisPipeline()
    pipeline.append("ECHO", "before")
    pipeline.append(function: "\(name)_f", arguments: ["y"])
    pipeline.append("ECHO", "after")
    let replies = try await client.send(pipeline)
    #expect(replies.map(\.string) == ["before", "second0y", "after"])

    _ = try await client.command("FUNCTION", "DELETE", .string(name))
    let missing = try await client.send(pipeline)
    #expect(missing.map(\.isMissingFunction) == [false, true, false])
    #expect([missing[0].string, missing[2].string] == ["before", "after"])
    try await client.load(library: library("third"))
    #expect(try await client.send(pipeline).map(\.string) == ["before", "third0y", "after"])
    _ = try await client.command("FUNCTION", "DELETE", .string(name))
  }
}
