/// A message that the broker delivered.
public struct RabbitMQDelivery: Sendable, Equatable {
  /// Numbers the consumer's deliveries from 1; for ``RabbitMQConsumer/acknowledge(through:)``.
  public var tag: UInt64
  /// Whether it may have been delivered before, to anybody.
  public var redelivered: Bool
  /// How often it has been delivered before without an acknowledgement; counted by quorum queues, 0 elsewhere.
  public var deliveryCount: Int
  public var messageID: String?
  /// Seconds since 1970, as the publisher set it.
  public var timestamp: UInt64?
  public var body: [UInt8]

  public init(
    tag: UInt64, redelivered: Bool, deliveryCount: Int, messageID: String?, timestamp: UInt64?, body: [UInt8]
  ) {
    self.tag = tag
    self.redelivered = redelivered
    self.deliveryCount = deliveryCount
    self.messageID = messageID
    self.timestamp = timestamp
    self.body = body
  }
}

extension RabbitMQConnection {
  /// Subscribes to a queue, on a channel of its own.
  ///
  /// - Parameter prefetch: how many deliveries may be unacknowledged at once, at least 1. 0 is rejected: AMQP means "no
  ///   limit" by it, and a quorum queue 2,000.
  /// - Throws: `notFound`, `accessRefused`, `invalidArgument`, `blocked`, or the connection's loss.
  public func consume(_ queue: String, prefetch: UInt16) async throws(RabbitMQError) -> RabbitMQConsumer {
    guard prefetch > 0 else { throw RabbitMQError(code: .invalidArgument, message: "the prefetch must be at least 1") }
    let channel = try await openChannel(.consumer(Subscription()))
    do throws(RabbitMQError) {
      try await call(.limitPrefetch(prefetch), on: channel)
      try await call(.consume(queue: queue), on: channel)
    } catch {
      await closeChannel(channel)
      throw error
    }
    return RabbitMQConsumer(connection: self, channel: channel)
  }

  func take(
    from channel: Channel, upTo limit: Int, waitingAtMost time: Duration
  ) async throws(RabbitMQError) -> [RabbitMQDelivery] {
    guard let subscription = channel.subscription, limit > 0 else { return [] }
    // More may have arrived.
    if subscription.deliveries.count < limit { drain() }
    if let failure = subscription.failure, subscription.deliveries.isEmpty { throw failure }
    guard subscription.deliveries.isEmpty, time > .zero else { return subscription.take(upTo: limit) }
    // A year is forever, and does not overflow.
    let deadline = ContinuousClock.now + min(time, .seconds(365 * 86_400))
    let id = newWaiter()
    return try await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        subscription.wait(Subscription.Waiter(id: id, limit: limit, deadline: deadline, continuation: continuation))
        visit(by: deadline)
      }
    } onCancel: {
      Task { await self.stopTaking(id) }
    }.get()
  }

  private func stopTaking(_ id: UInt64) {
    for channel in channels.values { channel.subscription?.stopWaiting { $0.id == id } }
  }

  func acknowledge(through tag: UInt64, on channel: Channel) throws(RabbitMQError) {
    guard let subscription = channel.subscription else { return }
    if let loss = subscription.loss { throw loss }
    // The broker answers a tag that it does not know by closing the channel, and gives everything to somebody else.
    guard tag <= subscription.lastTaken else {
      throw RabbitMQError(code: .invalidArgument, message: "delivery \(tag) cannot be acknowledged, it was not taken yet")
    }
    guard tag > subscription.lastAcknowledged else { return }
    try transmit(on: channel) { wire throws(RabbitMQError) in try wire.acknowledge(through: tag, on: channel.number) }
    subscription.lastAcknowledged = tag
  }

  func close(_ channel: Channel) async {
    channel.subscription?.fail(
      RabbitMQError(code: .closed, message: "the consumer of \(broker) was closed by this side"))
    await closeChannel(channel)
  }
}

/// A subscription to a queue. Deliveries are taken, never pushed: what is not taken waits, up to the prefetch.
///
/// It lasts until ``close()`` or the connection's end, not until it is released: close what you have opened.
public final class RabbitMQConsumer: Sendable {
  private let connection: RabbitMQConnection
  // Sound because only the connection's actor looks inside.
  private nonisolated(unsafe) let channel: Channel

  init(connection: RabbitMQConnection, channel: Channel) {
    self.connection = connection
    self.channel = channel
  }

  /// Takes the next deliveries, in the queue's order: what is there, up to `limit`. If nothing is there it waits for the first,
  /// at most so long; the array is empty if none comes, or the task is cancelled.
  ///
  /// - Throws: `consumerCancelled` if the queue was deleted and everything that had arrived of it was taken; it can still be
  ///   acknowledged. The reason if the broker closed the channel, `closed` after ``close()``, or the connection's loss: what was taken
  ///   and not acknowledged is then delivered again, to anybody.
  public func take(upTo limit: Int, waitingAtMost time: Duration) async throws(RabbitMQError) -> [RabbitMQDelivery] {
    try await connection.take(from: channel, upTo: limit, waitingAtMost: time)
  }

  /// Tells the broker that every delivery taken so far up to this one is done with. Without effect if it knows already.
  ///
  /// The broker does not answer: if the connection is lost right afterwards, they may be delivered again.
  ///
  /// - Throws: `invalidArgument` for a tag that was not taken yet, or as `take` does, but for `consumerCancelled`.
  public func acknowledge(through tag: UInt64) async throws(RabbitMQError) {
    try await connection.acknowledge(through: tag, on: channel)
  }

  /// Ends the subscription. When it returns, the broker has put every delivery without an acknowledgement back into the queue,
  /// in its place, or the connection is lost, with the same result once the broker notices.
  ///
  /// The channel is closed and the subscription not cancelled first. A cancelled consumer would keep its unacknowledged
  /// deliveries while the next one already gets what comes after them, out of order.
  public func close() async {
    await connection.close(channel)
  }
}
