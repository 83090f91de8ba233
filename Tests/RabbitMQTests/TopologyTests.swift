import RabbitMQ
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct TopologyTests {
  @Test func `an exchange routes to what is bound, until it is unbound`() async throws {
    try await withQueue { connection, queue in
      let exchange = unique("exchange")
      try await connection.declareExchange(exchange, kind: .direct)
      try await connection.bindQueue(queue, to: exchange, routingKey: "7")
      let message = RabbitMQMessage(exchange: exchange, routingKey: "7", body: [])
      #expect(await connection.publish([message]) == [.confirmed])
      try await connection.unbindQueue(queue, from: exchange, routingKey: "7")
      #expect(await connection.publish([message]) == [.returned(code: 312, text: "NO_ROUTE")])
      try await connection.deleteExchange(exchange)
    }
  }

  @Test func `a queue's state tells its messages and consumers`() async throws {
    try await withQueue { connection, queue in
      #expect(try await connection.queueState(queue) == QueueState(messageCount: 0, consumerCount: 0))
      _ = await connection.publish(messages(0..<3, to: queue))
      #expect(try await connection.queueState(queue) == QueueState(messageCount: 3, consumerCount: 0))
      // Declared again as it is, it tells the same.
      let declared = try await connection.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
      #expect(declared == QueueState(messageCount: 3, consumerCount: 0))
      try await connection.purgeQueue(queue)
      #expect(try await connection.queueState(queue).messageCount == 0)
    }
  }

  @Test func `a queue that does not exist is an error and nothing more`() async throws {
    try await withQueue { connection, queue in
      for _ in 0..<3 {
        let error = await failure { _ = try await connection.queueState(unique("missing")) }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("no queue") == true)
        #expect(error?.isRetryable == false)
      }
      let state = try await connection.queueState(queue)
      #expect(state.messageCount == 0)
    }
  }

  @Test func `a queue that exists with other arguments is an error and nothing more`() async throws {
    try await withQueue(arguments: ["x-max-length": 10]) { connection, queue in
      let error = await failure {
        try await connection.declareQueue(queue, arguments: ["x-queue-type": "quorum", "x-max-length": 11])
      }
      #expect(error?.code == .preconditionFailed)
      #expect(connection.isOpen)
    }
  }

  @Test func `a name too long for AMQP is refused before it is sent`() async throws {
    try await withQueue { connection, _ in
      let name = String(repeating: "n", count: 256)
      #expect(await failure { try await connection.declareQueue(name) }?.code == .invalidArgument)
      #expect(await failure { try await connection.bindQueue("q", to: "e", routingKey: name) }?.code == .invalidArgument)
      #expect(connection.isOpen)
    }
  }

  @Test func `many questions at once are all answered`() async throws {
    try await withQueue { connection, queue in
      try await withThrowingTaskGroup { group in
        for _ in 0..<50 { group.addTask { try await connection.queueState(queue) } }
        for try await state in group { #expect(state == QueueState(messageCount: 0, consumerCount: 0)) }
      }
    }
  }
}
