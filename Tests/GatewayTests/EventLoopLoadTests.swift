import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

struct EventLoopLoadTests {
  /// A loop whose time passes only as its turns take it.
  private final class Loop {
    private let loop = EmbeddedEventLoop()
    private var now = NIODeadline.uptimeNanoseconds(0)
    private lazy var load = EventLoopLoad(loop) { self.now }
    var share: Double { load.share }

    /// A turn with a request of each of so many connections. Gives how many of them are to be refused.
    @discardableResult
    func turn(_ milliseconds: Int64, requests: Int = 100) -> Int {
      let refused = (0..<requests).count { _ in
        var newcomer = 0
        return load.isTooMuch(&newcomer)
      }
      now = now + .milliseconds(milliseconds)
      loop.run()
      return refused
    }

    /// A turn in which one connection is handled a thousand requests.
    func pipelining(_ milliseconds: Int64) {
      var connection = 0
      for _ in 0..<1000 { _ = load.isTooMuch(&connection) }
      now = now + .milliseconds(milliseconds)
      loop.run()
    }

    func rest(_ milliseconds: Int64) { now = now + .milliseconds(milliseconds) }

    /// Long turns for longer than a spike takes.
    func overload() { for _ in 0..<10 { turn(20) } }
  }

  private let loop = Loop()

  @Test func `a spike makes turns long for a moment, and nobody is refused`() {
    #expect((0..<5).allSatisfy { _ in loop.turn(20) == 0 })
    #expect(loop.turn(7) == 0)
    #expect((0..<5).allSatisfy { _ in loop.turn(20) == 0 }, "the next spike is another one")
  }

  @Test func `where turns stay long, ever more are refused, and never all`() {
    loop.overload()
    var shares: [Double] = []
    for _ in 0..<60 {
      loop.turn(20)
      shares.append(loop.share)
    }
    #expect(shares[0] < 1 && zip(shares, shares.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(shares[59] == 0.02)
    // By chance, of 20,000 on average.
    #expect((19_400...19_800).contains(loop.turn(0, requests: 20_000)))
  }

  @Test func `the longer a turn was, the fewer are taken after it, to a limit`() {
    let shares = ([13, 25, 36, 500] as [Int64]).map { milliseconds in
      let loop = Loop()
      loop.overload()
      let before = loop.share
      loop.turn(milliseconds)
      return loop.share / before
    }
    #expect(shares[0] < 0.9 && shares[0] > shares[1] && shares[1] > shares[2])
    #expect(abs(shares[2] - 0.7) < 1e-9 && abs(shares[3] - 0.7) < 1e-9)
  }

  @Test func `as many are refused as are not to be taken`() {
    loop.overload()
    let share = loop.share
    #expect(share > 0.1 && share < 0.9)
    // Eight standard deviations at most.
    #expect(abs(Double(10_000 - loop.turn(0, requests: 10_000)) - 10_000 * share) < 400)
  }

  @Test func `once turns are short again, all are taken again within a second`() {
    loop.overload()
    let before = loop.share
    for _ in 0..<20 { loop.turn(5) }
    #expect(loop.share > before && loop.share < 1)
    for _ in 0..<180 { loop.turn(5) }
    #expect(loop.turn(5) == 0)
  }

  @Test func `after a pause without any request all are taken`() {
    loop.overload()
    loop.rest(1000)
    #expect(loop.turn(5) == 0)
  }

  @Test func `a connection that sends much ahead is one connection`() {
    for _ in 0..<1000 { loop.pipelining(50) }
    #expect(loop.share == 1)
  }

  @Test func `with few requests a turn is long because something takes long, and nobody is refused`() {
    #expect((0..<1000).allSatisfy { _ in loop.turn(50, requests: 63) == 0 })
  }

  @Test func `with short turns it does not matter how many requests there are`() {
    #expect((0..<1000).allSatisfy { _ in loop.turn(12, requests: 1000) == 0 })
  }
}
