import Glibc
import TestSupport
import Testing

@testable import RabbitMQ

@Suite(.timeLimit(.minutes(3))) struct ConsumeTests {
  @Test func `deliveries are taken in the queue's order, whatever the sizes of the takes`() async throws {
    try await withQueue { connection, queue in
      _ = await connection.publish(messages(0..<1000, to: queue))
      let consumer = try await connection.consume(queue, prefetch: 100)
      var taken: [RabbitMQDelivery] = []
      var size = 1
      while taken.count < 1000 {
        let deliveries = try await consumer.take(upTo: size, waitingAtMost: .seconds(30))
        try #require(!deliveries.isEmpty && deliveries.count <= size)
        taken += deliveries
        try await consumer.acknowledge(through: deliveries.last!.tag)
        size = size % 70 + 7
      }
      #expect(numbers(taken) == Array(0..<1000))
      #expect(taken.map(\.tag) == Array(1...1000))
      #expect(taken.allSatisfy { !$0.redelivered })
    }
  }

  @Test func `what is acknowledged up to a tag is not delivered again, and the rest is, in order`() async throws {
    try await withQueue { connection, queue in
      _ = await connection.publish(messages(0..<100, to: queue))
      let first = try await connection.consume(queue, prefetch: 100)
      let taken = try await take(100, from: first)
      try await first.acknowledge(through: taken[59].tag)
      // Again, or less: nothing happens.
      try await first.acknowledge(through: taken[59].tag)
      try await first.acknowledge(through: taken[3].tag)
      await first.close()
      let second = try await connection.consume(queue, prefetch: 100)
      let again = try await take(40, from: second)
      #expect(numbers(again) == Array(60..<100))
      #expect(again.allSatisfy { $0.redelivered && $0.deliveryCount == 1 })
    }
  }

  @Test func `closing a consumer hands over in order to the next one of a single-active-consumer queue`() async throws {
    try await withQueue(arguments: ["x-single-active-consumer": true]) { connection, queue in
      let other = try await connect(to: .shared(.rabbitmq))
      let active = try await connection.consume(queue, prefetch: 50)
      let standby = try await other.consume(queue, prefetch: 50)
      _ = await connection.publish(messages(0..<100, to: queue))
      #expect(numbers(try await take(50, from: active)) == Array(0..<50))
      #expect(try await standby.take(upTo: 1, waitingAtMost: .zero).isEmpty)
      await active.close()
      let firstHalf = try await take(50, from: standby)
      try await standby.acknowledge(through: firstHalf.last!.tag)
      let secondHalf = try await take(50, from: standby)
      #expect(numbers(firstHalf + secondHalf) == Array(0..<100))
      #expect(firstHalf.allSatisfy { $0.redelivered })
      await other.close()
    }
  }

  @Test func `closing the connection hands over in order too`() async throws {
    try await withQueue(arguments: ["x-single-active-consumer": true]) { connection, queue in
      let other = try await connect(to: .shared(.rabbitmq))
      let active = try await other.consume(queue, prefetch: 50)
      let standby = try await connection.consume(queue, prefetch: 100)
      _ = await connection.publish(messages(0..<100, to: queue))
      _ = try await take(50, from: active)
      await other.close()
      #expect(numbers(try await take(100, from: standby)) == Array(0..<100))
    }
  }

  @Test func `a channel exception hands over in order, and only its consumer fails`() async throws {
    try await withQueue(arguments: ["x-single-active-consumer": true]) { connection, queue in
      let other = try await connect(to: .shared(.rabbitmq))
      let active = try await other.consume(queue, prefetch: 50)
      let standby = try await connection.consume(queue, prefetch: 100)
      _ = await connection.publish(messages(0..<100, to: queue))
      _ = try await take(50, from: active)
      try await other.acknowledgeWhatWasNeverDelivered()
      let error = await failure { while true { _ = try await active.take(upTo: 1, waitingAtMost: .seconds(30)) } }
      #expect(error?.code == .preconditionFailed)
      #expect(await failure { try await active.acknowledge(through: 1) }?.code == .preconditionFailed)
      // A quorum queue does this only after the client has confirmed the channel's end.
      #expect(numbers(try await take(100, from: standby)) == Array(0..<100))
      #expect(other.isOpen)
      await other.close()
    }
  }

  /// What is said on a channel that the broker has closed.
  enum LastWord: CaseIterable {
    case acknowledgement, question, close
    /// Begins after the client has read that the channel is closed.
    case lateQuestion
  }

  @Test(arguments: LastWord.allCases)
  func `nothing more is said on a channel that the broker has closed, which would end the connection`(
    word: LastWord
  ) async throws {
    try await withQueue { connection, queue in
      // No heartbeat comes before the channel's end.
      let other = try await connect(to: .shared(.rabbitmq)) { $0.heartbeat = .seconds(600) }
      let consumer = try await other.consume(queue, prefetch: 1)
      _ = await connection.publish(messages([1], to: queue))
      #expect(numbers(try await take(1, from: consumer)) == [1])
      let error = await failure { try await other.say(word) }
      // A close has what it wants.
      let expected: RabbitMQError.Code? = word == .close ? nil : .preconditionFailed
      #expect(error?.code == expected)
      let next = try await other.consume(queue, prefetch: 1)
      #expect(numbers(try await take(1, from: next)) == [1])
      await other.close()
    }
  }

  @Test func `a take is woken by the first delivery`() async throws {
    try await withQueue { connection, queue in
      let consumer = try await connection.consume(queue, prefetch: 10)
      async let taken = consumer.take(upTo: 10, waitingAtMost: .seconds(600))
      _ = await connection.publish(messages([1], to: queue))
      #expect(numbers(try await taken) == [1])
    }
  }

  @Test func `a take of an empty queue ends empty after its time`() async throws {
    try await withQueue { connection, queue in
      let consumer = try await connection.consume(queue, prefetch: 10)
      let start = ContinuousClock.now
      #expect(try await consumer.take(upTo: 10, waitingAtMost: .milliseconds(50)).isEmpty)
      let waited = ContinuousClock.now - start
      // Well before the next look for a heartbeat, which is 5 s away.
      #expect(waited >= .milliseconds(50) && waited < .seconds(4))
      #expect(try await consumer.take(upTo: 10, waitingAtMost: .zero).isEmpty)
    }
  }

  @Test func `a take is woken by the cancellation of its task, and takes nothing then`() async throws {
    try await withQueue { connection, queue in
      let consumer = try await connection.consume(queue, prefetch: 10)
      let taking = Task { try await consumer.take(upTo: 10, waitingAtMost: .seconds(600)) }
      taking.cancel()
      #expect(try await taking.value.isEmpty)
      _ = await connection.publish(messages([1], to: queue))
      #expect(numbers(try await take(1, from: consumer)) == [1])
    }
  }

  @Test func `a take is woken by the close of its consumer`() async throws {
    try await withQueue { connection, queue in
      let consumer = try await connection.consume(queue, prefetch: 10)
      async let failed = failure { _ = try await consumer.take(upTo: 10, waitingAtMost: .seconds(600)) }
      await consumer.close()
      #expect(await failed?.code == .closed)
      #expect(connection.isOpen)
    }
  }

  @Test func `a queue deleted under a consumer is an error of that consumer`() async throws {
    try await withQueue { connection, queue in
      let doomed = unique("doomed")
      try await connection.declareQueue(doomed, arguments: ["x-queue-type": "quorum"])
      let consumer = try await connection.consume(doomed, prefetch: 10)
      async let failed = failure { _ = try await consumer.take(upTo: 10, waitingAtMost: .seconds(600)) }
      try await connection.deleteQueue(doomed)
      #expect(await failed?.code == .consumerCancelled)
      await consumer.close()
      #expect(await connection.publish(messages([1], to: queue)) == [.confirmed])
    }
  }

  @Test func `what a consumer has got of a queue that is deleted then can be taken and acknowledged`() async throws {
    try await withQueue { connection, queue in
      let doomed = unique("doomed")
      try await connection.declareQueue(doomed, arguments: ["x-queue-type": "quorum"])
      #expect(await connection.publish(messages(0..<5, to: doomed)).allSatisfy { $0 == .confirmed })
      let consumer = try await connection.consume(doomed, prefetch: 10)
      var taken = try await take(1, from: consumer)
      while try await connection.queueState(doomed).messageCount > 0 { try await Task.sleep(for: .milliseconds(5)) }
      try await connection.deleteQueue(doomed)
      taken += try await take(2, from: consumer)
      try await consumer.acknowledge(through: 3)
      taken += try await take(2, from: consumer)
      try await consumer.acknowledge(through: 5)
      #expect(numbers(taken) == Array(0..<5))
      #expect(await failure { _ = try await consumer.take(upTo: 1, waitingAtMost: .seconds(600)) }?.code == .consumerCancelled)
      await consumer.close()
      // The broker did not mind the acknowledgements.
      #expect(await connection.publish(messages([1], to: queue)) == [.confirmed])
    }
  }

  @Test func `a consumer of a missing queue, or without prefetch, is refused and harms nobody`() async throws {
    try await withQueue { connection, queue in
      let consumer = try await connection.consume(queue, prefetch: 10)
      #expect(await failure { _ = try await connection.consume(unique("missing"), prefetch: 1) }?.code == .notFound)
      #expect(await failure { _ = try await connection.consume(queue, prefetch: 0) }?.code == .invalidArgument)
      let longName = String(repeating: "q", count: 256)
      #expect(await failure { _ = try await connection.consume(longName, prefetch: 1) }?.code == .invalidArgument)
      _ = await connection.publish(messages([1], to: queue))
      #expect(numbers(try await take(1, from: consumer)) == [1])
    }
  }

  @Test func `what was not taken yet cannot be acknowledged`() async throws {
    try await withQueue { connection, queue in
      let consumer = try await connection.consume(queue, prefetch: 10)
      _ = await connection.publish(messages(0..<2, to: queue))
      _ = try await take(1, from: consumer)
      #expect(await failure { try await consumer.acknowledge(through: 2) }?.code == .invalidArgument)
      try await consumer.acknowledge(through: 1)
    }
  }

  @Test func `channels are used again, so consumers can come and go without end`() async throws {
    try await withQueue { connection, queue in
      // RabbitMQ allows 2,047 channels; this many would not show that, but their numbers do.
      for _ in 0..<50 { await (try await connection.consume(queue, prefetch: 1)).close() }
      #expect(await connection.channelNumbers == [0])
    }
  }
}

extension RabbitMQConnection {
  fileprivate var channelNumbers: [UInt16] { channels.keys.sorted() }

  /// What the API does not let anybody do: the broker answers by closing the channel.
  fileprivate func acknowledgeWhatWasNeverDelivered() throws {
    let channel = try #require(channels.values.first { $0.subscription != nil })
    try transmit(on: channel) { wire throws(RabbitMQError) in try wire.acknowledge(through: 9999, on: channel.number) }
  }

  /// Has the broker close the channel, and says something on it when that has arrived and was not read.
  fileprivate func say(_ word: ConsumeTests.LastWord) async throws {
    let channel = try #require(channels.values.first { $0.subscription != nil })
    try acknowledgeWhatWasNeverDelivered()
    // On the connection's thread, so that nothing is read meanwhile.
    let descriptor = try requireWire().fileDescriptor
    var socket = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let arrived = poll(&socket, 1, 30_000)
    try #require(arrived == 1)
    switch word {
    case .acknowledgement: try acknowledge(through: 1, on: channel)
    case .question: try await call(.limitPrefetch(1), on: channel)
    case .close: await close(channel)
    case .lateQuestion:
      drain()
      try await call(.limitPrefetch(1), on: channel)
    }
  }
}
