import Testing

@testable import Redis

@Suite struct EventBufferTests {
  /// What a consumer that begins now finds.
  private func contents(of buffer: EventBuffer) async -> [RedisSubscriptionEvent] {
    buffer.finish()
    return await buffer.events.reduce(into: []) { $0.append($1) }
  }

  private func message(_ number: Int) -> RedisSubscriptionEvent {
    .message(channel: "c", payload: Array(String(number).utf8))
  }

  @Test func `as many events as fit are kept as they are`() async {
    var buffer = EventBuffer(capacity: 4)
    for number in 0..<4 { _ = buffer.append(message(number)) }
    #expect(await contents(of: buffer) == (0..<4).map(message))
  }

  @Test func `the newest events are kept, and that others were dropped is told`() async {
    var buffer = EventBuffer(capacity: 4)
    for number in 0..<5 { _ = buffer.append(message(number)) }
    #expect(await contents(of: buffer) == [message(2), message(3), message(4), .missed])
  }

  @Test(arguments: 6...40)
  func `however many are dropped, exactly one sign of it waits`(count: Int) async {
    var buffer = EventBuffer(capacity: 4)
    for number in 0..<count { _ = buffer.append(message(number)) }
    let contents = await contents(of: buffer)
    #expect(contents.count == 4)
    #expect(contents.count { $0 == .missed } == 1)
    #expect(contents.filter { $0 != .missed } == (count - 3..<count).map(message))
  }

  @Test(arguments: [UInt64](0..<50))
  func `whenever a consumer finds a gap, a sign of it comes there or after`(seed: UInt64) async {
    var random = SeededRandom(seed)
    var buffer = EventBuffer(capacity: 8)
    var events = buffer.events.makeAsyncIterator()
    var waiting = 0
    var appended = 0
    var expected = 0
    var told = false
    var owed = false

    func take(_ event: RedisSubscriptionEvent?) {
      switch event {
      case .message(_, let payload):
        let number = Int(String(decoding: payload, as: UTF8.self))!
        if number != expected && !told { owed = true }
        expected = number + 1
        told = false
      case .missed:
        told = true
        owed = false
      default: Issue.record("an event that nobody appended")
      }
    }

    for _ in 0..<500 {
      if Bool.random(using: &random) {
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          _ = buffer.append(message(appended))
          appended += 1
          waiting = min(waiting + 1, 8)
        }
      } else {
        for _ in 0..<Int.random(in: 0...waiting, using: &random) {
          take(await events.next())
          waiting -= 1
        }
      }
    }
    buffer.finish()
    while let event = await events.next() { take(event) }
    #expect(!owed)
    #expect(expected == appended)
  }

  @Test func `a consumer that left is noticed`() async {
    var buffer = EventBuffer(capacity: 4)
    let wasTaken = buffer.append(message(0))
    #expect(wasTaken)
    await Task { [events = buffer.events] in
      withUnsafeCurrentTask { $0?.cancel() }
      for await _ in events {}
    }.value
    let isTaken = buffer.append(message(1))
    #expect(!isTaken)
  }
}
