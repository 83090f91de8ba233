import LoadTest
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite(.serialized) struct TroubleTests {
  @Test(arguments: [(401, "unauthenticated"), (403, "forbidden"), (404, "not_found"), (409, "not_on_sale")])
  func `a run whose first answers are all the same refusal stops and says why`(status: Int, code: String) async throws {
    var behaviour = Behaviour()
    behaviour.refusesAll = (status, code)
    let posts = try await withFake(behaviour) { fake, url in
      let error = await #expect(throws: LoadError.self) {
        try await runLoad(plan(url, requests: 5000), credentials: credentials) { _ in }
      }
      #expect(error?.description.contains("\(status) \(code)") == true)
      return fake.state.withLock { $0.posts.count }
    }
    // Those that were under way when the twentieth answer came.
    #expect(posts < 20 + 8 + 1)
  }

  @Test func `an overloaded server is asked again with the same key in a closed loop`() async throws {
    var behaviour = Behaviour()
    behaviour.overloadedFirst = 8
    let (report, keys) = try await withFake(behaviour) { fake, url in
      let report = try await runLoad(plan(url), credentials: credentials) { _ in }
      return (report, fake.state.withLock { $0.keys })
    }
    #expect(report.passed)
    #expect(report.requests.accepted == 120)
    #expect(report.requests.sentAgain == 8)
    #expect(Set(keys).count == 120)
  }

  @Test func `an overloaded server is not asked again in an open loop, and counted`() async throws {
    var behaviour = Behaviour()
    behaviour.overloadedFirst = 8
    let report = try await withFake(behaviour) { _, url in
      var plan = plan(url)
      plan.shape = .open(ratePerSecond: 1000)
      return try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(report.passed)
    #expect(report.requests.refused == 8)
    #expect(report.refusals.map(\.code) == ["overloaded"])
    #expect(report.requests.accepted == 112)
  }

  @Test func `a request whose answer got lost is sent again with its key and counted once`() async throws {
    var behaviour = Behaviour()
    (behaviour.breaksFirst, behaviour.unavailableFirst) = (5, 10)
    for shape in [LoadPlan.Shape.closed, .open(ratePerSecond: 1000)] {
      let report = try await withFake(behaviour) { _, url in
        var plan = plan(url)
        plan.shape = shape
        return try await runLoad(plan, credentials: credentials) { _ in }
      }
      #expect(report.findings == [])
      #expect(report.requests.accepted == 120)
      #expect(report.requests.sentAgain >= 10)
    }
  }

  @Test func `requests whose fate stays unknown fail the audit`() async throws {
    var behaviour = Behaviour()
    behaviour.unavailableFirst = .max
    let report = try await withFake(behaviour) { _, url in
      var plan = plan(url, requests: 4)
      plan.settleTimeout = .seconds(1)
      return try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(report.requests.failed == 4)
    #expect(report.errors.map(\.code) == ["unavailable"])
    #expect(report.findings.contains { $0.contains("4 requests ended without an answer that says whether") })
  }

  @Test func `nobody listening is said in a sentence`() async throws {
    let url = try await withFake { _, url in url }
    let error = await #expect(throws: LoadError.self) {
      try await runLoad(plan(url), credentials: credentials) { _ in }
    }
    #expect(error?.description.contains("is the gateway running?") == true)
  }

  @Test func `a gateway that ends every connection after its answer is measured all the same`() async throws {
    var behaviour = Behaviour()
    behaviour.closesAfterEach = true
    let report = try await withFake(behaviour) { _, url in try await runLoad(plan(url), credentials: credentials) { _ in } }
    #expect(report.findings == [])
    #expect(report.requests.accepted == 120)
    #expect(report.requests.sentAgain == 0)
  }

  @Test func `a gateway that goes away in mid-sale ends the run with a failed audit`() async throws {
    var behaviour = Behaviour()
    behaviour.decisionDelay = 60_000
    let fake = FakeTicketHub(behaviour)
    var plan = plan(try await fake.start(), requests: 2000)
    (plan.shape, plan.outcomeTimeout, plan.settleTimeout) = (.open(ratePerSecond: 500), .seconds(1), .seconds(1))
    let (arrived, signal) = AsyncStream.makeStream(of: Void.self)
    async let stopped: Void = {
      for await _ in arrived { break }
      try await fake.stop()
    }()
    let report = try await runLoad(plan, credentials: credentials) { progress in if progress.accepted > 0 { signal.yield() } }
    try await stopped
    #expect(!report.passed)
    #expect(report.findings.contains { $0.contains("The gateway fell silent") })
    #expect(report.findings.contains { $0.contains("has no outcome") })
    #expect(report.findings.contains { $0.contains("is the gateway running?") })
    let all = report.requests
    #expect(all.accepted + all.refused + all.failed + all.unsent == 2000)
    #expect(all.unsent > 0)
  }

  @Test func `a gateway that takes connections and never answers is given up in time`() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let mute = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
    var plan = plan("http://127.0.0.1:\(mute.localAddress?.port ?? 0)")
    plan.requestTimeout = .milliseconds(300)
    let error = await #expect(throws: LoadError.self) {
      try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(error?.description.contains("timed_out") == true, "\(String(describing: error))")
    try await group.shutdownGracefully()
  }

  @Test(arguments: ["https://localhost:1", "localhost:8080", "http://", "http://host:0", "http://host:1/path"])
  func `a target that is none is refused`(target: String) async throws {
    await #expect(throws: LoadError.self) { try await runLoad(plan(target), credentials: credentials) { _ in } }
  }

  @Test func `a cancelled run ends at once`() async throws {
    var behaviour = Behaviour()
    behaviour.stallsFor = 60_000
    try await withFake(behaviour) { fake, url in
      let (arrived, signal) = AsyncStream.makeStream(of: Void.self)
      let running = Task {
        try await runLoad(plan(url), credentials: credentials) { progress in if progress.sent > 0 { signal.yield() } }
      }
      for await _ in arrived { break }
      running.cancel()
      await #expect(throws: CancellationError.self) { _ = try await running.value }
    }
  }
}
