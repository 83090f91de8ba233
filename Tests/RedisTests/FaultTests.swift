import Glibc
import TestSupport
import Testing

@testable import Redis

/// What happens when the server is away, restarts, hangs or answers late.
@Suite(.timeLimit(.minutes(5))) struct FaultTests {
  /// For calls that must fail after the command timeout of 500 ms: far from "never", and room for a busy machine.
  private let soon = Duration.seconds(5)

  @Test func `a server that is away is an error at once, and works when it is there again`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let client = RedisClient.make(try configuration(of: server))
      try await server.stop()
      let (first, firstDuration) = await failure { () async throws(RedisError) in try await client.echo("a") }
      #expect(first?.code == .connectFailed)
      #expect(first?.isRetryable == true)
      #expect(first?.message.contains("127.0.0.1:\(server.port)") == true)
      #expect(firstDuration < soon)

      // Two hundred calls end within the first pauses between attempts, which is what an attempt for each would not.
      var codes: [RedisError.Code] = []
      for _ in 0..<200 {
        let (error, duration) = await failure { () async throws(RedisError) in try await client.echo("a") }
        codes.append(try #require(error).code)
        #expect(error?.isRetryable == true)
        #expect(duration < soon)
      }
      #expect(codes.allSatisfy { $0 == .unavailable || $0 == .connectFailed })
      #expect(codes.contains(.unavailable))

      try await server.start()
      try await eventually("an answer of the server that is there again") { try await client.echo("b") == "b" }
    }
  }

  @Test func `a restart while nobody calls is not noticed by the next caller`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let client = RedisClient.make(try configuration(of: server))
      #expect(try await client.echo("a") == "a")
      try await server.restart()
      #expect(try await client.echo("b") == "b")
      try await server.kill()
      try await server.start()
      #expect(try await client.echo("c") == "c")
    }
  }

  @Test func `a server killed during a call is an error, and works when it is there again`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let client = RedisClient.make(try configuration(of: server, clientName: "waits"))
      let admin = RedisClient.make(try configuration(of: server))
      async let result = failure { () async throws(RedisError) in try await client.command("BLPOP", "nothing", 15) }
      try await eventually("a call under way") {
        try await admin.command("CLIENT", "LIST").string?.contains(/name=waits .*cmd=blpop/) == true
      }
      try await server.kill()
      let (error, duration) = await result
      #expect(error?.code == .connectionLost)
      #expect(error?.isRetryable == true)
      #expect(duration < .seconds(14))
      try await server.start()
      try await eventually("an answer of the server that is there again") { try await client.echo("b") == "b" }
    }
  }

  @Test func `a server that hangs is an error in bounded time, and works when it goes on`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let client = RedisClient.make(try configuration(of: server, commandTimeout: .milliseconds(500)))
      try await eventually("a connection") { try await client.echo("a") == "a" }
      try await server.suspend()
      let (error, duration) = await failure { () async throws(RedisError) in try await client.echo("b") }
      #expect(error?.code == .timedOut)
      #expect(error?.isRetryable == true)
      #expect(duration >= .milliseconds(500) && duration < soon)

      // Many callers at once do not wait for each other's timeouts: 40 would take 20 s.
      let start = ContinuousClock.now
      await withTaskGroup { group in
        for _ in 0..<40 {
          group.addTask {
            let (error, _) = await failure { () async throws(RedisError) in try await client.echo("c") }
            #expect(error?.code == .connectFailed || error?.code == .unavailable)
          }
        }
      }
      #expect(ContinuousClock.now - start < .seconds(10))

      try server.resume()
      try await eventually("an answer of the server that goes on") { try await client.echo("d") == "d" }
    }
  }

  @Test func `while a server hangs no call waits for it but the first`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let client = RedisClient.make(try configuration(of: server, commandTimeout: .milliseconds(500)))
      try await eventually("a connection") { try await client.echo("a") == "a" }
      try await server.suspend()
      let (first, _) = await failure { () async throws(RedisError) in try await client.echo("b") }
      #expect(first?.code == .timedOut)
      // For as long as a few attempts of the client's take.
      let end = ContinuousClock.now + .seconds(2)
      repeat {
        #expect(await failure { () async throws(RedisError) in try await client.echo("c") }.0?.code == .unavailable)
        await Task.yield()
      } while .now < end
      #expect(client.isAway)
      try server.resume()
      try await eventually("an answer of the server that goes on") { try await client.echo("d") == "d" }
      #expect(!client.isAway)
    }
  }

  @Test func `while a server hangs, tasks on the client's thread wait for the first call only`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let client = RedisClient.make(try configuration(of: server, commandTimeout: .seconds(2)))
      try await eventually("a connection") { try await client.echo("a") == "a" }
      try await server.suspend()
      let (first, _) = await failure { () async throws(RedisError) in try await client.echo("b") }
      #expect(first?.code == .timedOut)
      // Each of the client's own attempts waits for two seconds; these are two of them at least.
      let longest = await Task(executorPreference: client.taskThread) {
        let end = ContinuousClock.now + .seconds(5)
        var (last, longest) = (ContinuousClock.now, Duration.zero)
        while last < end {
          await Task.yield()
          let now = ContinuousClock.now
          (last, longest) = (now, max(longest, now - last))
        }
        return longest
      }.value
      #expect(longest < .seconds(1.5))
      #expect(client.isAway)
      try server.resume()
      try await eventually("an answer of the server that goes on") { try await client.echo("d") == "d" }
    }
  }

  @Test func `a server that hangs does not hold up a pipeline that no buffer takes`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let client = RedisClient.make(try configuration(of: server, commandTimeout: .milliseconds(500)))
      try await eventually("a connection") { try await client.echo("a") == "a" }
      try await server.suspend()
      var pipeline = RedisPipeline()
      for _ in 0..<64 { pipeline.append("ECHO", .bytes([UInt8](repeating: 1, count: 1 << 20))) }
      let (error, duration) = await failure { [pipeline] () async throws(RedisError) in try await client.send(pipeline) }
      #expect(error?.code == .timedOut)
      #expect(duration >= .milliseconds(500) && duration < soon)
      try server.resume()
    }
  }

  @Test func `a late reply is never taken for another command's`() async throws {
    let server = try await TestServer.shared(.redis)
    let admin = RedisClient.make(try configuration(of: server))
    let client = RedisClient.make(try configuration(of: server, commandTimeout: .milliseconds(300)))
    for round in 0..<5 {
      let list = unique("late")
      try await eventually("a connection") { try await client.echo("ready") == "ready" }
      let (error, _) = await failure { () async throws(RedisError) in try await client.command("BLPOP", .string(list), 0) }
      #expect(error?.code == .timedOut)
      // The server answers the BLPOP now, unless it has seen that nobody waits any more.
      _ = try await admin.command("RPUSH", .string(list), "late")
      try await eventually("an answer") { try await client.echo("mine \(round)") == "mine \(round)" }
      for number in 0..<20 {
        let (reply, expected) = (try? await client.echo("\(round)-\(number)"), "\(round)-\(number)")
        // No reply, on a machine that is too busy for 300 ms, is none of another command.
        #expect(reply == nil || reply == expected)
      }
      _ = try await admin.command("DEL", .string(list))
    }
  }

  @Test func `callers before and after a timeout get their own replies or an error`() async throws {
    try await TestServer.withOwn(.redis) { server in
      let admin = RedisClient.make(try configuration(of: server))
      let client = RedisClient.make(try configuration(of: server, commandTimeout: .milliseconds(200)))
      let answered = try await withThrowingTaskGroup(of: Int.self) { group in
        for caller in 0..<16 {
          group.addTask {
            var answered = 0
            for number in 0..<400 {
              let (reply, expected) = (try? await client.echo("\(caller)-\(number)"), "\(caller)-\(number)")
              #expect(reply == nil || reply == expected)
              if reply != nil { answered += 1 } else { try await Task.sleep(for: .milliseconds(5)) }
            }
            return answered
          }
        }
        // The server answers nobody for longer than the client waits, and then everybody.
        group.addTask {
          for _ in 0..<4 {
            _ = try await admin.command("CLIENT", "PAUSE", 300, "ALL")
            _ = try await admin.echo("served again")
          }
          return 0
        }
        return try await group.reduce(0, +)
      }
      #expect(answered > 0)
      try await eventually("an answer") { try await client.echo("z") == "z" }
    }
  }

  @Test func `a connection on which something waits unasked is not used`() async throws {
    let server = try await TestServer.shared(.redis)
    let connection = try Connection(configuration(of: server))
    #expect(connection.isQuiet)
    var pipeline = RedisPipeline()
    pipeline.append("PING")
    try connection.send(pipeline, by: .now + .seconds(10))
    try await eventually("a reply that nobody takes") { !connection.isQuiet }
  }

  @Test func `writing to a connection that the server closed is an error and raises no SIGPIPE`() async throws {
    // The default: the process would end.
    signal(SIGPIPE, SIG_DFL)
    let server = try await TestServer.shared(.redis)
    let connection = try Connection(configuration(of: server))
    var pipeline = RedisPipeline()
    pipeline.append("CLIENT", "ID")
    let id = try #require(connection.exchange(pipeline)[0].int)
    let admin = RedisClient.make(try configuration(of: server))
    _ = try await admin.command("CLIENT", "KILL", "ID", .integer(Int64(id)))
    try await eventually("the end of the connection") { !connection.isQuiet }
    for _ in 0..<3 {
      let error = #expect(throws: RedisError.self) { try connection.exchange(pipeline) }
      #expect(error?.code == .connectionLost)
    }
  }

  @Test func `a server that accepts no connection is an error within the connect timeout`() async throws {
    let listener = try Listener(backlog: 0)
    // Fills the queue, so that the system drops what asks next.
    let fillers = (0..<4).map { _ in listener.connectWithoutWaiting() }
    defer { for filler in fillers { close(filler) } }
    var configuration = try RedisConfiguration(url: "redis://127.0.0.1:\(listener.port)")
    configuration.connectTimeout = .milliseconds(300)
    let client = RedisClient.make(configuration)
    let (error, duration) = await failure { () async throws(RedisError) in try await client.echo("a") }
    #expect(error?.code == .connectFailed)
    #expect(error?.isRetryable == true)
    #expect(duration >= .milliseconds(300) && duration < soon)
  }

  @Test func `a server that says nothing is an error within the command timeout`() async throws {
    let listener = try Listener(backlog: 8)
    var configuration = try RedisConfiguration(url: "redis://127.0.0.1:\(listener.port)")
    configuration.commandTimeout = .milliseconds(300)
    let client = RedisClient.make(configuration)
    let (error, duration) = await failure { () async throws(RedisError) in try await client.echo("a") }
    #expect(error?.code == .connectFailed)
    #expect(duration >= .milliseconds(300) && duration < soon)
  }

  @Test(arguments: [
    ("HTTP/1.1 400 Bad Request\r\n\r\n", false),
    ("-ERR max number of clients reached\r\n", true),
    ("-LOADING Redis is loading the dataset in memory\r\n", true),
    // AUTH is served while loading.
    ("+OK\r\n-LOADING Redis is loading the dataset in memory\r\n", true),
    ("-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n", false),
  ])
  func `a server that cannot serve is an error that says why`(answer: String, isRetryable: Bool) async throws {
    let listener = try Listener(backlog: 8)
    listener.answerNext(with: answer)
    var configuration = try RedisConfiguration(url: "redis://:hunter2@127.0.0.1:\(listener.port)")
    configuration.commandTimeout = .seconds(5)
    let client = RedisClient.make(configuration)
    let (error, _) = await failure { () async throws(RedisError) in try await client.echo("a") }
    #expect(error?.code == .connectFailed)
    #expect(error?.isRetryable == isRetryable, "\(error?.message ?? "")")
    #expect(error?.message.contains("hunter2") == false)
  }
}
