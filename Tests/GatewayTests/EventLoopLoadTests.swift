import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

struct EventLoopLoadTests {
  /// A loop whose time passes only as its turns and rests take it.
  private final class Loop {
    private let loop = EmbeddedEventLoop()
    private var now = NIODeadline.uptimeNanoseconds(0)
    private(set) var rested = TimeAmount.zero
    var open = 10_000
    /// After how many seconds they are to come again that were refused in the last turn.
    private(set) var told: [Int] = []
    private lazy var load = EventLoopLoad(loop, open: { self.open }, now: { self.now }) { time in
      self.rested = self.rested + time
      self.now = self.now + time
    }
    var limit: Double? { load.limit }

    /// A turn with a request of each of so many connections, all of which may be refused, and with as many as look only. Gives how many
    /// are refused.
    /// - Parameter each: how many requests each connection sends.
    @discardableResult
    func turn(_ milliseconds: Int64, requests: Int = 100, each: Int = 1, looks: Int = 0) -> Int {
      for _ in 0..<looks {
        var newcomer = 0
        load.begin(&newcomer)
      }
      told = (0..<requests).flatMap { _ in
        var newcomer = 0
        return (0..<each).compactMap { _ in
          load.begin(&newcomer)
          return load.isWatching ? load.refuse() : nil
        }
      }
      now = now + .milliseconds(milliseconds)
      loop.run()
      return told.count
    }

    /// A turn in which one connection is handled a thousand requests.
    func pipelining(_ milliseconds: Int64) {
      var connection = 0
      for _ in 0..<1000 { load.begin(&connection) }
      now = now + .milliseconds(milliseconds)
      loop.run()
    }

    /// What was sent ahead is answered after its turn. Whether it is refused.
    func answerBetweenTurns() -> Bool {
      let isRefused = load.isWatching && load.refuse() != nil
      loop.run()
      return isRefused
    }

    func pass(_ milliseconds: Int64) { now = now + .milliseconds(milliseconds) }

    /// Long turns for longer than a spike takes.
    func overload() { for _ in 0..<7 { turn(20) } }

    /// Turns for so long, each with its rest. Gives how many were taken of those that asked.
    @discardableResult
    func turns(_ milliseconds: Int64, for seconds: Double, requests: Int = 100, each: Int = 1, looks: Int = 0) -> Int {
      let end = now + .nanoseconds(Int64(seconds * 1e9))
      var taken = 0
      while now < end { taken += requests * each - turn(milliseconds, requests: requests, each: each, looks: looks) }
      return taken
    }
  }

  private let loop = Loop()

  @Test func `a spike makes turns long for a moment, and nobody is refused`() {
    #expect((0..<5).allSatisfy { _ in loop.turn(20) == 0 })
    #expect(loop.turn(7) == 0)
    #expect((0..<5).allSatisfy { _ in loop.turn(20) == 0 }, "the next spike is another one")
    #expect(loop.limit == nil && loop.rested == .zero)
  }

  @Test func `a spike that takes one turn is one, however long it takes`() {
    for _ in 0..<10 {
      #expect(loop.turn(500, requests: 5000) == 0)
      #expect(loop.turn(5) == 0)
    }
    #expect(loop.limit == nil)
  }

  @Test func `long turns with pauses between them are spikes`() {
    for _ in 0..<20 {
      #expect(loop.turn(60) == 0)
      loop.pass(101)
    }
    #expect(loop.limit == nil)
  }

  @Test func `nobody waits while there is nothing to do`() throws {
    loop.overload()
    let before = try #require(loop.limit)
    for _ in 0..<5 {
      loop.pass(190)
      loop.turn(7)
    }
    #expect(try #require(loop.limit) >= before)
  }

  @Test func `a turn without a refusal does not make it last longer`() {
    loop.overload()
    loop.turn(5)
    loop.pass(900)
    #expect(loop.turn(5, requests: 1) == 0)
    loop.pass(200)
    #expect(loop.turn(5, requests: 1000) == 0)
    #expect(loop.limit == nil)
  }

  @Test func `where turns stay long, no more are taken in a second than were until then`() throws {
    loop.overload()
    // Six turns of a hundred, after the first one.
    #expect(abs(try #require(loop.limit) - 600 / 0.12) < 1)
    #expect(loop.turn(20) == 0, "so many are the allowance")
    #expect(loop.turn(20, requests: 1000) > 800)
    let taken = loop.turns(7, for: 0.2)
    #expect(abs(Double(taken) - 0.2 * 600 / 0.12) < 100)
  }

  @Test func `where all only look until the sale opens, as many may buy then`() throws {
    for _ in 0..<7 { loop.turn(20, requests: 0, looks: 100) }
    #expect(abs(try #require(loop.limit) - 600 / 0.12) < 1)
    #expect(abs(Double(loop.turns(7, for: 0.2, requests: 1000)) - 0.2 * 600 / 0.12) < 100)
  }

  @Test func `however long all wait, half of the time is for those who buy`() {
    loop.overload()
    loop.turns(97, for: 10, requests: 400, looks: 200)
    let taken = loop.turns(97, for: 10, requests: 400, looks: 200)
    #expect((14_000...16_000).contains(taken), "a quarter of those who ask in a hundred turns: each takes three times as long")
  }

  @Test func `who sends many requests ahead can't take the time of others`() {
    loop.overload()
    loop.turns(97, for: 20, requests: 100, each: 18)
    #expect((42_000...48_000).contains(loop.turns(97, for: 10, requests: 100, each: 18)), "a quarter of them")
  }

  @Test func `what is taken comes evenly, however unevenly it is asked for`() throws {
    loop.overload()
    _ = loop.turns(7, for: 0.05)
    loop.turn(80, requests: 3000)
    let limit = try #require(loop.limit)
    let taken = 3000 - loop.turn(7, requests: 3000)
    #expect(abs(Double(taken) - limit * EventLoopLoad.allowance.inSeconds) <= 1)
  }

  @Test func `a burst after a pause is taken as if some of it had come before`() throws {
    for pause in [60, 500] as [Int64] {
      loop.overload()
      _ = loop.turns(7, for: 0.05)
      let limit = try #require(loop.limit)
      loop.pass(pause)
      let taken = 3000 - loop.turn(7, requests: 3000)
      #expect(abs(Double(taken) - limit * min(0.001 * Double(pause + 3), EventLoopLoad.longestAllowance.inSeconds)) <= 1)
    }
  }

  @Test func `the longer one waited, the fewer are taken after it, to a limit`() throws {
    let parts = try ([36, 80, 160, 1000] as [Int64]).map { milliseconds in
      let loop = Loop()
      loop.overload()
      let before = try #require(loop.limit)
      while loop.limit == before { loop.turn(milliseconds) }
      let after = try #require(loop.limit)
      return after / before
    }
    #expect(abs(parts[0] - EventLoopLoad.growth) < 1e-9)
    #expect(parts[1] < 0.95 && parts[1] > parts[2] && parts[2] > parts[3])
    #expect(abs(parts[3] - EventLoopLoad.leftAtLeast) < 1e-9)
  }

  @Test func `however long turns take, some are taken`() {
    for _ in 0..<2 { loop.turn(10_000) }
    #expect(loop.limit == EventLoopLoad.least)
    #expect(loop.turns(97, for: 10) > 100)
  }

  @Test func `while waits are short, ever more are taken`() throws {
    loop.overload()
    let before = try #require(loop.limit)
    loop.turns(7, for: 1)
    let after = try #require(loop.limit)
    #expect(after > before * 1.3 && after < before * 1.5)
  }

  @Test func `the more are refused, the later they are told to come, and not all in the same second`() throws {
    loop.overload()
    let limit = try #require(loop.limit)
    loop.turn(7, requests: 10 * Int(limit))
    let told = loop.told.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    #expect(told.keys.sorted() == Array(2...11), "ten seconds, since ten times as many as are taken in one are to come")
    #expect(told.values.allSatisfy { Double($0) < 3.5 * limit })
    #expect(Double(told.filter { $0.key > 5 }.values.reduce(0, +)) > 2.2 * limit)
    loop.turn(7, requests: 100 * Int(limit))
    #expect(Set(loop.told) == Set(2...ReturnTimes.longest), "nobody is told to wait for longer")
  }

  @Test func `a loop that refuses rests after each turn`() {
    loop.overload()
    #expect(loop.rested == .zero)
    loop.turn(5)
    loop.turn(5)
    #expect(loop.rested == EventLoopLoad.rest * 2)
  }

  @Test func `what was sent ahead and is answered between two turns is counted, and makes no turn of its own`() {
    loop.overload()
    loop.turn(5)
    loop.turn(5, requests: 1000)
    let rested = loop.rested
    let taken = (0..<100).filter { _ in !loop.answerBetweenTurns() }.count
    #expect((35...45).contains(taken), "as many as there was time for since the last turn began")
    #expect(loop.rested == rested)
  }

  @Test func `once nobody was refused for a second, all are taken, and there is no rest`() {
    loop.overload()
    loop.turns(7, for: 0.2)
    #expect(loop.turns(7, for: 1.2, requests: 10) > 1000)
    #expect(loop.limit == nil)
    let rested = loop.rested
    #expect(loop.turn(5, requests: 1000) == 0)
    #expect(loop.rested == rested)
  }

  @Test func `after a pause without any request all are taken`() {
    loop.overload()
    loop.pass(1001)
    #expect(loop.turn(5) == 0)
    #expect(loop.limit == nil)
  }

  @Test func `a connection that sends much ahead is one connection`() {
    for _ in 0..<1000 { loop.pipelining(50) }
    #expect(loop.limit == nil)
  }

  @Test func `clients that ask again once they are answered wait for one another, and nobody is refused`() {
    loop.open = 200
    #expect((0..<1000).allSatisfy { _ in loop.turn(100, requests: 200) == 0 })
    #expect((0..<1000).allSatisfy { _ in loop.turn(50) == 0 }, "all of them could have been answered in two such turns")
    for _ in 0..<7 { loop.turn(51) }
    #expect(loop.limit != nil)
  }

  @Test func `once no more are connected than can be answered, all are taken`() {
    loop.overload()
    loop.open = 501
    loop.turns(7, for: 0.2)
    #expect(loop.limit != nil, "each took a fifth of a millisecond")
    loop.open = 500
    loop.turns(7, for: 0.2)
    #expect(loop.limit == nil)
  }

  @Test func `with few requests a turn is long because something takes long, and nobody is refused`() {
    #expect((0..<1000).allSatisfy { _ in loop.turn(50, requests: 63) == 0 })
  }

  @Test func `with short turns it does not matter how many requests there are`() {
    #expect((0..<1000).allSatisfy { _ in loop.turn(12, requests: 1000) == 0 })
  }
}

/// The same on a connection.
struct RefusedConnectionTests {
  /// A client of a loop that takes none of those that may be refused.
  private func client() throws -> Client {
    let eventLoop = EmbeddedEventLoop()
    nonisolated(unsafe) var now = NIODeadline.uptimeNanoseconds(0)
    let load = EventLoopLoad(eventLoop, open: { 10_000 }, now: { now }, sleep: { _ in })
    for _ in 0..<7 {
      for _ in 0..<100 {
        var newcomer = 0
        load.begin(&newcomer)
      }
      now = now + .milliseconds(20)
      eventLoop.run()
    }
    while load.refuse() == nil {}
    return try Client(on: eventLoop, load: load)
  }

  private let post = "POST /crowded HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
  private let get = "GET /crowded HTTP/1.1\r\nHost: a\r\n\r\n"

  @Test func `what may be refused is, whatever is asked beside it is answered, and the connection stays`() throws {
    let client = try client()
    let answers = try client.send(post + get + post).components(between: "HTTP/1.1 ", and: "\r\n")
    #expect(answers == ["503 Service Unavailable", "200 OK", "503 Service Unavailable"])
    #expect(client.isOpen && !client.hasClosedItsSide)
  }

  @Test func `who wants no more gets the refusal as its last answer`() throws {
    let client = try client()
    let answer = try client.send("POST /crowded HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("\r\nConnection: close\r\n"))
    #expect(client.hasClosedItsSide)
  }

  @Test func `where there is no crowd all are taken`() throws {
    #expect(try Client().send(post).hasPrefix("HTTP/1.1 200 "))
  }
}

extension TimeAmount {
  fileprivate var inSeconds: Double { Double(nanoseconds) / 1e9 }
}
