import RabbitMQ
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct PublishTests {
  @Test func `a published message is confirmed and arrives as it was sent`() async throws {
    try await withQueue { connection, queue in
      let message = RabbitMQMessage(
        exchange: "", routingKey: queue, body: Array(0...255), messageID: "m-1",
        headers: ["text": "ü", "number": -1, "flag": true, "table": .table(["inner": 2])], timestamp: 1_700_000_000)
      #expect(await connection.publish([message]) == [.confirmed])
      let consumer = try await connection.consume(queue, prefetch: 10)
      let delivery = try #require(try await consumer.take(upTo: 10, waitingAtMost: .seconds(30)).first)
      #expect(
        delivery
          == RabbitMQDelivery(
            tag: 1, redelivered: false, deliveryCount: 0, messageID: "m-1", timestamp: 1_700_000_000, body: Array(0...255)))
    }
  }

  @Test func `bodies of no byte, of a whole frame and of many frames arrive`() async throws {
    try await withQueue { connection, queue in
      // A frame of 131,072 bytes has 8 bytes around its content.
      let sizes = [0, 131_063, 131_064, 131_065, 1_000_000]
      let bodies = sizes.map { size in (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) } }
      let outcomes = await connection.publish(bodies.map { RabbitMQMessage(exchange: "", routingKey: queue, body: $0) })
      #expect(outcomes == Array(repeating: .confirmed, count: 5))
      let consumer = try await connection.consume(queue, prefetch: 10)
      #expect(try await take(5, from: consumer).map(\.body) == bodies)
    }
  }

  @Test func `messages without an ID get different ones`() async throws {
    try await withQueue { connection, queue in
      _ = await connection.publish(messages(0..<3, to: queue))
      let consumer = try await connection.consume(queue, prefetch: 10)
      #expect(Set(try await take(3, from: consumer).compactMap(\.messageID)).count == 3)
    }
  }

  @Test func `only the unroutable ones among other messages are returned`() async throws {
    try await withQueue { connection, queue in
      let nowhere = RabbitMQMessage(exchange: "", routingKey: unique("nowhere"), body: [1])
      let somewhere = RabbitMQMessage(exchange: "", routingKey: queue, body: [2])
      let outcomes = await connection.publish([somewhere, nowhere, somewhere, nowhere])
      let returned = PublishOutcome.returned(code: 312, text: "NO_ROUTE")
      #expect(outcomes == [.confirmed, returned, .confirmed, returned])
    }
  }

  @Test func `messages with the same ID are told apart by their destination`() async throws {
    try await withQueue { connection, queue in
      let nowhere = RabbitMQMessage(exchange: "", routingKey: unique("nowhere"), body: [1], messageID: "same")
      let somewhere = RabbitMQMessage(exchange: "", routingKey: queue, body: [2], messageID: "same")
      let outcomes = await connection.publish([somewhere, nowhere])
      #expect(outcomes == [.confirmed, .returned(code: 312, text: "NO_ROUTE")])
    }
  }

  @Test func `a full queue refuses`() async throws {
    try await withQueue(arguments: ["x-max-length": 5, "x-overflow": "reject-publish"]) { connection, queue in
      // A quorum queue may overshoot its limit, but not by much.
      var outcomes: [PublishOutcome] = []
      for number in 0..<20 { outcomes += await connection.publish(messages([number], to: queue)) }
      #expect(Set(outcomes.map { "\($0)" }) == ["confirmed", "refused"])
      #expect(outcomes.first == .confirmed)
      #expect(outcomes.last == .refused)
    }
  }

  @Test func `what AMQP cannot express is returned, and the rest is published`() async throws {
    try await withQueue { connection, queue in
      let good = RabbitMQMessage(exchange: "", routingKey: queue, body: [])
      var longKey = good
      longKey.routingKey = String(repeating: "k", count: 256)
      var hugeHeaders = good
      hugeHeaders.headers = ["h": .string(String(repeating: "h", count: 200_000))]
      let outcomes = await connection.publish([longKey, good, hugeHeaders])
      #expect(outcomes[0] == .returned(code: 502, text: "the routing key has more than 255 bytes"))
      #expect(outcomes[1] == .confirmed)
      #expect(outcomes[2] == .returned(code: 502, text: "the arguments are larger than 65536 bytes"))
    }
  }

  @Test func `every one of many calls at once gets the outcomes of its own messages`() async throws {
    try await withQueue { connection, queue in
      let nowhere = unique("nowhere")
      try await withThrowingTaskGroup { group in
        for call in 0..<50 {
          group.addTask {
            // The odd messages of each call go nowhere, and each call has another size.
            let count = 1 + call * 3
            let outcomes = await connection.publish(
              (0..<count).map { RabbitMQMessage(exchange: "", routingKey: $0 % 2 == 0 ? queue : nowhere, body: [UInt8(call)]) })
            let expected = (0..<count).map { $0 % 2 == 0 ? .confirmed : PublishOutcome.returned(code: 312, text: "NO_ROUTE") }
            #expect(outcomes == expected)
          }
        }
        try await group.waitForAll()
      }
      let stored = (0..<50).reduce(0) { $0 + (1 + $1 * 3 + 1) / 2 }
      #expect(try await connection.queueState(queue).messageCount == stored)
    }
  }

  @Test func `a missing exchange makes its messages unknown and leaves the connection usable`() async throws {
    try await withQueue { connection, queue in
      let outcomes = await connection.publish([RabbitMQMessage(exchange: unique("missing"), routingKey: "", body: [])])
      guard case .unknown(let reason) = outcomes.first else {
        Issue.record("\(outcomes)")
        return
      }
      #expect(reason.contains("NOT_FOUND - no exchange"))
      #expect(await connection.takePublishFailure()?.code == .notFound)
      #expect(await connection.takePublishFailure() == nil, "it is told once")
      #expect(await connection.publish(messages([1], to: queue)) == [.confirmed])
      #expect(connection.isOpen)
    }
  }

  @Test func `a publish on a closed connection is unknown at once`() async throws {
    let connection = try await connect(to: .shared(.rabbitmq))
    await connection.close()
    guard case .unknown? = await connection.publish([RabbitMQMessage(exchange: "", routingKey: "", body: [])]).first else {
      Issue.record("it should be unknown")
      return
    }
  }

  @Test func `throughput of a quorum queue`() async throws {
    try await withQueue { connection, queue in
      let consuming = try await connect(to: .shared(.rabbitmq))
      let body = [UInt8](repeating: 7, count: 220)
      let batch = (0..<200).map { _ in RabbitMQMessage(exchange: "", routingKey: queue, body: body) }
      let clock = ContinuousClock()
      let publishing = await clock.measure {
        await withTaskGroup { group in
          for _ in 0..<4 {
            group.addTask {
              for _ in 0..<25 {
                let outcomes = await connection.publish(batch)
                #expect(outcomes.allSatisfy { $0 == .confirmed })
              }
            }
          }
        }
      }
      let consumer = try await consuming.consume(queue, prefetch: 512)
      var taken = 0
      var takes = 0
      let taking = try await clock.measure {
        while taken < 20_000 {
          let deliveries = try await consumer.take(upTo: 256, waitingAtMost: .seconds(30))
          guard let last = deliveries.last else { break }
          try await consumer.acknowledge(through: last.tag)
          taken += deliveries.count
          takes += 1
        }
      }
      #expect(taken == 20_000)
      let rates = [publishing, taking].map { Int(20_000 / ($0 / .seconds(1))) }
      print("published \(rates[0])/s, consumed \(rates[1])/s in \(takes) takes")
      await consuming.close()
    }
  }
}
