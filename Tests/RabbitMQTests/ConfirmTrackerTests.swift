import Testing

@testable import RabbitMQ

/// Numbers that are the same in every run of a seed.
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite struct ConfirmTrackerTests {
  private static let start = ContinuousClock.now
  private static let message = RabbitMQMessage(exchange: "e", routingKey: "k", body: [])

  /// A tracker and its calls of so many messages each, all sent.
  private func tracker(_ sizes: Int...) -> ConfirmTracker {
    var tracker = ConfirmTracker(idPrefix: "p")
    for (call, size) in sizes.enumerated() {
      tracker.begin(UInt64(call), Array(repeating: Self.message, count: size), deadline: Self.start + .seconds(call + 1))
      for _ in 0..<size { _ = tracker.willSend(UInt64(call)) }
      _ = tracker.end(UInt64(call), unsent: .unknown("unsent"))
    }
    return tracker
  }

  @Test func `a call is settled when its last message is, in whatever order`() {
    var tracker = tracker(3)
    #expect(tracker.settle(tag: 3, multiple: false, as: .confirmed) == [])
    #expect(tracker.settle(tag: 1, multiple: false, as: .refused) == [])
    #expect(tracker.outstanding == 1)
    #expect(
      tracker.settle(tag: 2, multiple: false, as: .confirmed) == [.init(call: 0, outcomes: [.refused, .confirmed, .confirmed])])
    #expect(tracker.outstanding == 0)
  }

  @Test func `a multiple settles all that is open up to its tag, across calls`() {
    var tracker = tracker(2, 2, 2)
    #expect(tracker.settle(tag: 1, multiple: false, as: .refused) == [])
    #expect(
      tracker.settle(tag: 5, multiple: true, as: .confirmed) == [
        .init(call: 0, outcomes: [.refused, .confirmed]), .init(call: 1, outcomes: [.confirmed, .confirmed]),
      ])
    #expect(tracker.settle(tag: 6, multiple: true, as: .refused) == [.init(call: 2, outcomes: [.confirmed, .refused])])
  }

  @Test func `a return is the outcome, whatever the confirm that follows says`() {
    var tracker = tracker(2)
    #expect(tracker.returned(messageID: "p-2", exchange: "e", routingKey: "k", code: 312, text: "NO_ROUTE") == [])
    #expect(tracker.settle(tag: 2, multiple: false, as: .confirmed) == [])
    #expect(
      tracker.settle(tag: 1, multiple: false, as: .confirmed) == [
        .init(call: 0, outcomes: [.confirmed, .returned(code: 312, text: "NO_ROUTE")])
      ])
  }

  @Test func `a return of nothing that was sent is ignored`() {
    var tracker = tracker(1)
    #expect(tracker.returned(messageID: "p-2", exchange: "e", routingKey: "k", code: 312, text: "") == [])
    #expect(tracker.returned(messageID: "p-1", exchange: "e", routingKey: "other", code: 312, text: "") == [])
    #expect(tracker.returned(messageID: nil, exchange: "e", routingKey: "k", code: 312, text: "") == [])
    #expect(tracker.outstanding == 1)
  }

  @Test func `what ran out of time is unknown, and its late confirms touch nobody else`() {
    var tracker = tracker(2, 1)
    #expect(tracker.nextDeadline == Self.start + .seconds(1))
    _ = tracker.settle(tag: 2, multiple: false, as: .confirmed)
    #expect(tracker.expire(at: Self.start, reason: "late") == [])
    #expect(
      tracker.expire(at: Self.start + .seconds(1), reason: "late") == [.init(call: 0, outcomes: [.unknown("late"), .confirmed])])
    #expect(tracker.settle(tag: 1, multiple: false, as: .confirmed) == [])
    #expect(tracker.settle(tag: 2, multiple: true, as: .refused) == [])
    #expect(tracker.settle(tag: 3, multiple: false, as: .confirmed) == [.init(call: 1, outcomes: [.confirmed])])
  }

  @Test func `the confirm of a later call that ran out of time does not settle an earlier one`() {
    var tracker = ConfirmTracker(idPrefix: "p")
    for (call, deadline) in [(UInt64(0), 9), (1, 1)] {
      tracker.begin(call, [Self.message], deadline: Self.start + .seconds(deadline))
      _ = tracker.willSend(call)
      #expect(tracker.end(call, unsent: .refused) == [])
    }
    #expect(tracker.expire(at: Self.start + .seconds(1), reason: "late").map(\.call) == [1])
    #expect(tracker.settle(tag: 2, multiple: false, as: .confirmed) == [])
    #expect(tracker.settle(tag: 2, multiple: true, as: .confirmed).map(\.call) == [0])
  }

  @Test func `what is not sent gets the outcome that the sender gives`() {
    var tracker = ConfirmTracker(idPrefix: "p")
    tracker.begin(7, [Self.message, Self.message, Self.message], deadline: Self.start)
    #expect(tracker.willSend(7) == "p-1")
    #expect(tracker.settle(tag: 1, multiple: false, as: .confirmed) == [])
    let blocked = PublishOutcome.blocked(reason: "alarm")
    #expect(tracker.end(7, unsent: blocked) == [.init(call: 7, outcomes: [.confirmed, blocked, blocked])])
    // The tags go on from what was sent.
    tracker.begin(8, [Self.message], deadline: Self.start)
    #expect(tracker.willSend(8) == "p-2")
  }

  @Test func `abandoned, everything open is unknown, and a call that was sending sends no more`() {
    var tracker = tracker(2)
    tracker.begin(1, [Self.message, Self.message], deadline: Self.start)
    _ = tracker.willSend(1)
    _ = tracker.settle(tag: 1, multiple: false, as: .confirmed)
    #expect(
      tracker.abandon(reason: "lost") == [
        .init(call: 0, outcomes: [.confirmed, .unknown("lost")]), .init(call: 1, outcomes: [.unknown("lost"), .unknown("lost")]),
      ])
    #expect(tracker.willSend(1) == nil)
    #expect(tracker.end(1, unsent: .refused) == [])
    #expect(tracker.nextDeadline == nil)
  }

  /// Random calls, returns and confirms, against a model that looks at every message by itself.
  @Test(arguments: 0..<200) func `agrees with a simple model under any confirms`(seed: UInt64) {
    var random = SeededGenerator(state: seed)
    var tracker = ConfirmTracker(idPrefix: "p")
    var model: [(call: UInt64, outcome: PublishOutcome?)] = []  // by tag, from 1
    var settled: [UInt64: [PublishOutcome]] = [:]
    func note(_ results: [ConfirmTracker.Settled]) {
      for result in results { #expect(settled.updateValue(result.outcomes, forKey: result.call) == nil, "settled twice") }
    }
    func confirm(tag: Int, multiple: Bool, _ outcome: PublishOutcome) {
      note(tracker.settle(tag: UInt64(tag), multiple: multiple, as: outcome))
      for index in (multiple ? 0 : tag - 1)..<tag where model[index].outcome == nil { model[index].outcome = outcome }
    }
    for call in 0..<UInt64(30) {
      let size = Int.random(in: 1...20, using: &random)
      tracker.begin(call, Array(repeating: Self.message, count: size), deadline: Self.start)
      for _ in 0..<size {
        #expect(tracker.willSend(call) == "p-\(model.count + 1)")
        model.append((call, nil))
        // Confirms come in while a call is sending, too.
        let tag = Int.random(in: 1...model.count, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0: confirm(tag: tag, multiple: true, .confirmed)
        case 1: confirm(tag: tag, multiple: true, .refused)
        case 2...3: confirm(tag: tag, multiple: false, .confirmed)
        case 4: confirm(tag: tag, multiple: false, .refused)
        case 5:
          note(tracker.returned(messageID: "p-\(tag)", exchange: "e", routingKey: "k", code: 312, text: ""))
          model[tag - 1].outcome = model[tag - 1].outcome ?? .returned(code: 312, text: "")
        default: break
        }
      }
      note(tracker.end(call, unsent: .unknown("never")))
    }
    #expect(tracker.outstanding == model.count { $0.outcome == nil })
    confirm(tag: model.count, multiple: true, .confirmed)
    for call in 0..<UInt64(30) {
      #expect(settled[call] == model.filter { $0.call == call }.map { $0.outcome! })
    }
  }
}
