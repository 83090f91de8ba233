/// The channel in confirm mode on which everything is published, and those who wait for confirms.
struct Publisher {
  enum State {
    case closed
    case opening
    case open(Channel)
  }

  var state = State.closed
  /// Publishers that wait for the channel to open.
  var openers: [CheckedContinuation<Result<Void, RabbitMQError>, Never>] = []
  /// Why the channel was closed last, for those who find it so.
  var closeReason = "the channel is closed"
  /// Why the broker closed it last, until somebody has asked.
  var failure: RabbitMQError?
  var tracker = ConfirmTracker(idPrefix: "")
  var calls: [ConfirmTracker.CallID: CheckedContinuation<[PublishOutcome], Never>] = [:]
  var nextCall: ConfirmTracker.CallID = 0
}

extension RabbitMQConnection {
  /// Publishes the messages in this order and waits until the broker has answered for all of them.
  ///
  /// Any number of calls may be under way at once; the messages of different calls are not interleaved. Returns within
  /// `confirmTimeout` (the first time on a connection `rpcTimeout` more), always with one outcome per message, in
  /// their order. A cancelled task waits all the same, since the messages are sent already.
  public func publish(_ messages: [RabbitMQMessage]) async -> [PublishOutcome] {
    guard messages.allSatisfy({ $0.problem == nil }) else { return await publishSendable(of: messages) }
    guard !messages.isEmpty else { return [] }
    do throws(RabbitMQError) { try await openPublisher() } catch {
      let outcome: PublishOutcome =
        error.code == .blocked ? .blocked(reason: blockedReason ?? error.message) : .unknown("not sent: \(error.message)")
      return Array(repeating: outcome, count: messages.count)
    }
    let deadline = ContinuousClock.now + configuration.confirmTimeout
    return await withCheckedContinuation { continuation in
      let call = publisher.nextCall
      publisher.nextCall += 1
      publisher.calls[call] = continuation
      publisher.tracker.begin(call, messages, deadline: deadline)
      let unsent = send(messages, call, until: deadline)
      resume(publisher.tracker.end(call, unsent: unsent))
      visit(by: deadline)
    }
  }

  /// Returns the messages that AMQP cannot express, and publishes the others.
  private func publishSendable(of messages: [RabbitMQMessage]) async -> [PublishOutcome] {
    var outcomes = await publish(messages.filter { $0.problem == nil })[...]
    return messages.map { message in
      // 502 is AMQP's syntax-error: a field with an illegal value.
      message.problem.map { .returned(code: 502, text: $0) } ?? outcomes.removeFirst()
    }
  }

  /// Makes sure that the channel is open. Afterwards it is, unless it was closed again before the caller's turn came.
  private func openPublisher() async throws(RabbitMQError) {
    switch publisher.state {
    case .open: return
    case .opening:
      try await withCheckedContinuation { publisher.openers.append($0) }.get()
    case .closed:
      publisher.state = .opening
      let result: Result<Void, RabbitMQError>
      do throws(RabbitMQError) {
        let channel = try await openChannel(.publisher)
        try await call(.selectConfirms, on: channel)
        // The broker may have closed it between its answer and now.
        if let failure = channel.failure { throw failure }
        // Unique, since a receiver may take the IDs for what they are called.
        let random = UInt64.random(in: .min ... .max)
        publisher.tracker = ConfirmTracker(idPrefix: String(random, radix: 16))
        publisher.state = .open(channel)
        result = .success(())
      } catch {
        publisher.state = .closed
        result = .failure(error)
      }
      for opener in publisher.openers { opener.resume(returning: result) }
      publisher.openers = []
      try result.get()
    }
  }

  /// Sends until something is in the way; gives the outcome of the messages not sent, if any.
  ///
  /// In pieces: between them what arrived is read, so that confirms do not pile up and an alarm or a closed channel
  /// is noticed. A piece fits into the socket's buffer, so that writing it does not block.
  private func send(
    _ messages: [RabbitMQMessage], _ call: ConfirmTracker.CallID, until deadline: ContinuousClock.Instant
  ) -> PublishOutcome {
    var rest = messages[...]
    while !rest.isEmpty {
      do throws(RabbitMQError) {
        let hasRoom = try waitForRoom(until: deadline) { isPublishingPointless }
        if let blockedReason { return .blocked(reason: blockedReason) }
        guard case .open(let channel) = publisher.state else { return .unknown("not sent: \(publisher.closeReason)") }
        guard hasRoom else { return .unknown("not sent: \(broker) read nothing for \(configuration.confirmTimeout)") }
        try guarded { wire throws(RabbitMQError) in
          wire.cork()
          defer { wire.uncork() }
          var size = 0
          while size < 32 * 1024, let message = rest.first, let id = publisher.tracker.willSend(call) {
            try wire.publish(message, id: id, on: channel.number)
            // The frames and properties around a body come to a few hundred bytes.
            size += message.body.count + 512
            rest.removeFirst()
          }
        }
      } catch {
        return .unknown("not sent: \(error.message)")
      }
    }
    return .unknown("")  // there is none
  }

  private var isPublishingPointless: Bool {
    if case .open = publisher.state { blockedReason != nil } else { true }
  }

  /// Gives the calls that are complete their results.
  func resume(_ settled: [ConfirmTracker.Settled]) {
    for settled in settled { publisher.calls.removeValue(forKey: settled.call)?.resume(returning: settled.outcomes) }
  }

  func expirePublishes(at now: ContinuousClock.Instant) {
    // With each frame that comes: only then is a reason put into words.
    guard let deadline = publisher.tracker.nextDeadline, deadline <= now else { return }
    resume(publisher.tracker.expire(at: now, reason: "\(broker) did not confirm within \(configuration.confirmTimeout)"))
  }

  func abandonPublishes(_ reason: String) { resume(publisher.tracker.abandon(reason: reason)) }

  /// The broker closed the channel. The next publish opens another.
  func closePublisher(_ error: RabbitMQError) {
    publisher.closeReason = error.message
    publisher.failure = error
    // While it is being opened, the one who opens it is told.
    if case .open = publisher.state { publisher.state = .closed }
    abandonPublishes(error.message)
  }

  /// Why the broker closed the channel on which everything is published: `notFound` where an exchange does not exist. What was
  /// published on it and not confirmed is `unknown`. Told once, so that one of those whose messages these were acts upon it.
  public func takePublishFailure() -> RabbitMQError? {
    defer { publisher.failure = nil }
    return publisher.failure
  }
}
