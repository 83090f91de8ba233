import Testing

@testable import bench

@Suite struct `The open loop's schedule` {
  @Test func `requests are due evenly, the first at once`() {
    let pace = Pace.open(perSecond: 1000)
    #expect(pace.due(0) == 0)
    #expect(pace.due(1) == 1_000_000)
    #expect(pace.due(60_000) == 60_000_000_000)
  }

  @Test func `an uneven rate does not drift`() {
    // A third of a nanosecond lost each time would be 20 µs after a minute.
    let pace = Pace.open(perSecond: 3_000_000)
    #expect(pace.due(180_000_000) == 60_000_000_000)
  }

  @Test(arguments: [1.0, 7, 333, 9_999, 123_456.7])
  func `what is due is what was to be sent until now, and nothing else`(_ rate: Double) throws {
    let pace = Pace.open(perSecond: rate)
    for number in [0, 1, 2, 10, 999, 54_321] {
      let due = try #require(pace.due(number))
      #expect(pace.countDue(after: due, of: .max) == number + 1)
      #expect(pace.countDue(after: due - 1, of: .max) == number)
    }
  }

  @Test func `no more are due than there are`() {
    #expect(Pace.open(perSecond: 10).countDue(after: 10_000_000_000, of: 5) == 5)
    #expect(Pace.open(perSecond: 10).countDue(after: -1, of: 5) == 0)
  }

  @Test func `in a closed loop all may be sent, as soon as a connection is free`() {
    #expect(Pace.closed.countDue(after: 0, of: 5) == 5)
    #expect(Pace.closed.due(3) == nil)
  }
}
