/// Which published messages the broker has not answered for yet: a pure state machine from delivery tags to outcomes.
///
/// The broker numbers a channel's publishes from 1 and confirms by number: one or all up to one, positively or negatively, in any
/// order ([RabbitMQ, "Publisher confirms"](https://www.rabbitmq.com/confirms.html#publisher-confirms)). A return carries no
/// number, so it is matched by message ID, and by exchange and routing key too in case a caller uses one ID twice; it
/// precedes the confirm of the same message.
struct ConfirmTracker {
  typealias CallID = UInt64

  /// A call all of whose messages have an outcome.
  struct Settled: Equatable {
    var call: CallID
    var outcomes: [PublishOutcome]
  }

  /// The messages of one call have consecutive tags, since nothing else is published while they are sent.
  private struct Call {
    let id: CallID
    let firstTag: UInt64
    let messages: [RabbitMQMessage]
    let deadline: ContinuousClock.Instant
    var outcomes: [PublishOutcome?]
    /// How many have been sent so far, from the first.
    var sent = 0
    var missing: Int
    /// All before this one have an outcome.
    var firstOpen = 0

    mutating func settle(_ index: Int, as outcome: PublishOutcome) {
      guard outcomes[index] == nil else { return }
      outcomes[index] = outcome
      missing -= 1
      while firstOpen < outcomes.count, outcomes[firstOpen] != nil { firstOpen += 1 }
    }

    mutating func settleAll(in range: Range<Int>, as outcome: PublishOutcome) {
      for index in max(range.lowerBound, firstOpen)..<max(range.upperBound, firstOpen) { settle(index, as: outcome) }
    }

    /// The first message that was sent, has no outcome yet, and matches.
    func firstSent(where matches: (RabbitMQMessage, _ tag: UInt64) -> Bool) -> Int? {
      (firstOpen..<max(firstOpen, sent)).first { outcomes[$0] == nil && matches(messages[$0], firstTag + UInt64($0)) }
    }

    /// The call's result; what is still open, if anything, is `outcome`.
    func settled(rest outcome: PublishOutcome) -> Settled { Settled(call: id, outcomes: outcomes.map { $0 ?? outcome }) }
  }

  /// Precedes the tag in the IDs of messages that came without one; unique per channel.
  private let idPrefix: String
  private var nextTag: UInt64 = 1
  /// In the order of their tags.
  private var calls: [Call] = []

  init(idPrefix: String) {
    self.idPrefix = idPrefix
  }

  /// When the next call runs out of time.
  var nextDeadline: ContinuousClock.Instant? { calls.lazy.map(\.deadline).min() }

  /// How many messages have been sent and not answered for.
  var outstanding: Int {
    calls.reduce(0) { $0 + $1.outcomes[..<$1.sent].count { $0 == nil } }
  }

  /// A call begins to send its messages, of which there is at least one. Until ``end(_:unsent:)`` no other may begin.
  mutating func begin(_ call: CallID, _ messages: [RabbitMQMessage], deadline: ContinuousClock.Instant) {
    calls.append(
      Call(
        id: call, firstTag: nextTag, messages: messages, deadline: deadline,
        outcomes: Array(repeating: nil, count: messages.count), missing: messages.count))
  }

  /// The call's next message is about to be sent. Gives the ID to send it with, or nil if the call is settled already.
  mutating func willSend(_ call: CallID) -> String? {
    guard let last = calls.indices.last, calls[last].id == call else { return nil }
    let id = calls[last].messages[calls[last].sent].messageID ?? generatedID(tag: nextTag)
    calls[last].sent += 1
    nextTag += 1
    return id
  }

  /// The call sends nothing more; the messages it has not sent are settled as given.
  mutating func end(_ call: CallID, unsent: PublishOutcome) -> [Settled] {
    guard let last = calls.indices.last, calls[last].id == call else { return [] }
    calls[last].settleAll(in: calls[last].sent..<calls[last].messages.count, as: unsent)
    return removeSettled(in: last...last)
  }

  /// The broker answers for the message with this tag, or for all up to it. Tags of calls that ran out of time are ignored.
  mutating func settle(tag: UInt64, multiple: Bool, as outcome: PublishOutcome) -> [Settled] {
    guard tag < nextTag, let last = calls.lastIndex(where: { $0.firstTag <= tag }) else { return [] }
    let affected = multiple ? 0...last : last...last
    for index in affected {
      let end = min(Int(tag - calls[index].firstTag) + 1, calls[index].sent)
      // A single tag past the end was that of a later call which ran out of time.
      let begin = multiple ? 0 : Int(tag - calls[index].firstTag)
      calls[index].settleAll(in: min(begin, end)..<end, as: outcome)
    }
    return removeSettled(in: affected)
  }

  /// The broker could not route the message. Its confirm follows and changes nothing.
  mutating func returned(
    messageID: String?, exchange: String, routingKey: String, code: Int, text: String
  ) -> [Settled] {
    for index in calls.indices {
      guard
        let position = calls[index].firstSent(where: { message, tag in
          message.routingKey == routingKey && message.exchange == exchange
            && messageID == message.messageID ?? generatedID(tag: tag)
        })
      else { continue }
      calls[index].settle(position, as: .returned(code: code, text: text))
      return removeSettled(in: index...index)
    }
    return []
  }

  /// Settles what has run out of time as unknown.
  mutating func expire(at now: ContinuousClock.Instant, reason: String) -> [Settled] {
    let expired = calls.filter { $0.deadline <= now }
    calls.removeAll { $0.deadline <= now }
    return expired.map { $0.settled(rest: .unknown(reason)) }
  }

  /// Settles everything as unknown: no more confirms can come.
  mutating func abandon(reason: String) -> [Settled] {
    defer { calls = [] }
    return calls.map { $0.settled(rest: .unknown(reason)) }
  }

  private func generatedID(tag: UInt64) -> String { "\(idPrefix)-\(tag)" }

  private mutating func removeSettled(in range: ClosedRange<Int>) -> [Settled] {
    var settled: [Settled] = []
    for index in range.reversed() where calls[index].missing == 0 {
      let call = calls.remove(at: index)
      settled.append(Settled(call: call.id, outcomes: call.outcomes.map { $0! }))
    }
    return settled.reversed()
  }
}
