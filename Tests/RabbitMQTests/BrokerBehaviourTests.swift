import CRabbitMQ
import TestSupport
import Testing

@testable import RabbitMQ

/// What RabbitMQ does, and does not promise, and TicketHub relies on or works around. A newer RabbitMQ that turns one of these red
/// needs a look at the design, not at the test.
@Suite(.timeLimit(.minutes(3))) struct BrokerBehaviourTests {
  private static let single: [String: RabbitMQArgument] = ["x-single-active-consumer": true]

  // MARK: Single active consumer

  @Test func `the first consumer is active, and the others follow in the order in which they came, whatever their priority`()
    async throws
  {
    try await withQueue(arguments: Self.single) { connection, queue in
      let first = try await connection.consume(queue, prefetch: 10)
      let second = try await connection.consume(queue, prefetch: 10)
      let preferred = try await connection.consume(queue, prefetch: 10, priority: 10)
      _ = await connection.publish(messages(0..<5, to: queue))
      #expect(numbers(try await take(5, from: first)) == Array(0..<5))
      await first.close()
      #expect(numbers(try await take(5, from: second)) == Array(0..<5))
      #expect(try await preferred.take(upTo: 1, waitingAtMost: .zero).isEmpty)
      await second.close()
      #expect(numbers(try await take(5, from: preferred)) == Array(0..<5))
    }
  }

  @Test func `without a single active consumer deliveries are spread, which would break the order`() async throws {
    try await withQueue { connection, queue in
      let consumers = [
        try await connection.consume(queue, prefetch: 5), try await connection.consume(queue, prefetch: 5),
      ]
      _ = await connection.publish(messages(0..<10, to: queue))
      for consumer in consumers { #expect(try await take(5, from: consumer).count == 5) }
    }
  }

  @Test func `a quorum queue ignores that a consumer wants to be the only one`() async throws {
    try await withQueue { connection, queue in
      let consumers = [
        try await connection.consume(queue, prefetch: 5, isExclusive: true),
        try await connection.consume(queue, prefetch: 5, isExclusive: true),
      ]
      _ = await connection.publish(messages(0..<10, to: queue))
      for consumer in consumers { #expect(try await take(5, from: consumer).count == 5) }
    }
  }

  @Test func `a connection that breaks hands over in order`() async throws {
    try await withQueue(arguments: Self.single) { connection, queue in
      let proxy = try StallingProxy(to: try await TestServer.shared(.rabbitmq).port)
      let other = try await connect(to: .shared(.rabbitmq)) { $0.port = UInt16(proxy.port) }
      let active = try await other.consume(queue, prefetch: 50)
      let standby = try await connection.consume(queue, prefetch: 100)
      _ = await connection.publish(messages(0..<100, to: queue))
      _ = try await take(50, from: active)
      proxy.cut()
      let taken = try await take(100, from: standby)
      #expect(numbers(taken) == Array(0..<100))
      #expect(taken.map(\.redelivered) == (0..<100).map { $0 < 50 })
      await other.close()
    }
  }

  @Test func `a client that hangs hands over in order, after two to three heartbeats`() async throws {
    try await withQueue(arguments: Self.single) { connection, queue in
      let proxy = try StallingProxy(to: try await TestServer.shared(.rabbitmq).port)
      let other = try await connect(to: .shared(.rabbitmq)) {
        $0.port = UInt16(proxy.port)
        $0.heartbeat = .seconds(1)
      }
      let active = try await other.consume(queue, prefetch: 50)
      let standby = try await connection.consume(queue, prefetch: 100)
      _ = await connection.publish(messages(0..<100, to: queue))
      _ = try await take(50, from: active)
      let start = ContinuousClock.now
      proxy.behave(.stall)
      let taken = try await take(100, from: standby)
      #expect(numbers(taken) == Array(0..<100))
      #expect(ContinuousClock.now - start > .milliseconds(900), "the broker is patient for a while")
      proxy.cut()
      await other.close()
    }
  }

  @Test func `a cancelled consumer keeps its deliveries, and the next one gets what comes after them`() async throws {
    try await withQueue(arguments: Self.single) { connection, queue in
      let active = try await connection.consume(queue, prefetch: 50, tag: "active")
      let standby = try await connection.consume(queue, prefetch: 100)
      _ = await connection.publish(messages(0..<100, to: queue))
      _ = try await take(50, from: active)
      try await connection.cancel("active")
      #expect(numbers(try await take(50, from: standby)) == Array(50..<100), "out of order: never cancel before closing")
      await active.close()
      #expect(numbers(try await take(50, from: standby)) == Array(0..<50))
    }
  }

  // MARK: Giving back

  @Test func `a delivery that is given back goes to the end of the queue`() async throws {
    try await withQueue { connection, queue in
      let consumer = try await connection.consume(queue, prefetch: 1)
      _ = await connection.publish(messages(0..<3, to: queue))
      let first = try await take(1, from: consumer)
      #expect(numbers(first) == [0])
      try await connection.giveBack(first[0].tag)
      var taken: [Int] = []
      while taken.count < 3 {
        let next = try await take(1, from: consumer)
        try #require(!next.isEmpty)
        taken += numbers(next)
        try await consumer.acknowledge(through: next[0].tag)
      }
      #expect(taken == [1, 2, 0], "out of order: never give back")
    }
  }

  @Test func `nothing is dropped, however often its consumers go`() async throws {
    try await withQueue(arguments: Self.single) { connection, queue in
      _ = await connection.publish(messages(0..<10, to: queue))
      for attempt in 0..<25 {
        let consumer = try await connection.consume(queue, prefetch: 10)
        let taken = try await take(10, from: consumer)
        #expect(numbers(taken) == Array(0..<10))
        #expect(taken.map(\.deliveryCount) == Array(repeating: attempt, count: 10), "every one that was on its way is counted")
        await consumer.close()
      }
    }
  }

  // MARK: Limits

  @Test func `a queue that refused takes messages again only when a fifth of its limit is free`() async throws {
    try await withQueue(arguments: ["x-max-length": 10, "x-overflow": "reject-publish"]) { connection, queue in
      var stored = 0
      while await connection.publish(messages([stored], to: queue)) == [.confirmed] { stored += 1 }
      #expect((10...12).contains(stored))
      let consumer = try await connection.consume(queue, prefetch: 1)
      var isOpen = false
      while !isOpen, stored > 0 {
        let taken = try await take(1, from: consumer)
        try await consumer.acknowledge(through: taken[0].tag)
        stored -= 1
        // The one on its way to the consumer does not count.
        isOpen = await connection.publish(messages([0], to: queue)) == [.confirmed]
      }
      #expect((7...9).contains(stored))
    }
  }

  @Test func `what is on its way to a consumer does not count towards the limit`() async throws {
    try await withQueue(arguments: ["x-max-length": 5, "x-overflow": "reject-publish"]) { connection, queue in
      let consumer = try await connection.consume(queue, prefetch: 20)
      var outcomes: [PublishOutcome] = []
      for number in 0..<20 {
        outcomes += await connection.publish(messages([number], to: queue))
        #expect(try await take(1, from: consumer).count == 1)
      }
      #expect(outcomes.allSatisfy { $0 == .confirmed })
    }
  }

  @Test func `a queue without an overflow drops its oldest, which were confirmed`() async throws {
    try await withQueue(arguments: ["x-max-length": 5]) { connection, queue in
      for number in 0..<20 { #expect(await connection.publish(messages([number], to: queue)) == [.confirmed]) }
      let stored = try await connection.queueState(queue).messageCount
      #expect(stored < 20, "silently lost: the overflow must be reject-publish")
    }
  }
}

extension RabbitMQConnection {
  /// Subscribes as the API does not let anybody do.
  fileprivate func consume(
    _ queue: String, prefetch: UInt16, tag: String = "", priority: Int64? = nil, isExclusive: Bool = false
  ) async throws -> RabbitMQConsumer {
    let channel = try await openChannel(.consumer(Subscription()))
    try await call(.limitPrefetch(prefetch), on: channel)
    try transmit(on: channel) { wire throws(RabbitMQError) in
      defer { wire.arena.recycle() }
      var consume = amqp_basic_consume_t()
      consume.queue = wire.arena.bytes(queue)
      consume.consumer_tag = wire.arena.bytes(tag)
      consume.arguments = wire.arena.table(priority.map { ["x-priority": .integer($0)] } ?? [:])
      consume.exclusive = isExclusive ? 1 : 0
      consume.nowait = 1
      try wire.send(AMQP_BASIC_CONSUME_METHOD, consume, on: channel.number)
    }
    try await expectTaken(on: channel)
    return RabbitMQConsumer(connection: self, channel: channel)
  }

  fileprivate func cancel(_ tag: String) async throws {
    let channel = try #require(channels.values.filter { $0.subscription != nil }.min { $0.number < $1.number })
    try transmit(on: channel) { wire throws(RabbitMQError) in
      defer { wire.arena.recycle() }
      var cancel = amqp_basic_cancel_t()
      cancel.consumer_tag = wire.arena.bytes(tag)
      cancel.nowait = 1
      try wire.send(AMQP_BASIC_CANCEL_METHOD, cancel, on: channel.number)
    }
    try await expectTaken(on: channel)
  }

  /// The broker takes a channel's methods in their order, so that the answer to one says that those before it were carried out.
  private func expectTaken(on channel: Channel) async throws { try await call(.limitPrefetch(1), on: channel) }

  fileprivate func giveBack(_ tag: UInt64) throws {
    let channel = try #require(channels.values.first { $0.subscription != nil })
    try transmit(on: channel) { wire throws(RabbitMQError) in
      var nack = amqp_basic_nack_t()
      nack.delivery_tag = tag
      nack.requeue = 1
      try wire.send(AMQP_BASIC_NACK_METHOD, nack, on: channel.number)
    }
  }
}
