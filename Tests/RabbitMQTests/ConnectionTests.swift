import RabbitMQ
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct ConnectionTests {
  @Test func `a wrong password is refused, and not shown`() async throws {
    let error = await failure {
      _ = try await connect(to: .shared(.rabbitmq)) { $0.password = "guess-what" }
    }
    #expect(error?.code == .authenticationFailed)
    #expect(error?.message.contains("guess-what") == false)
    #expect(error?.isRetryable == false)
  }

  @Test func `a virtual host that does not exist is refused`() async throws {
    let error = await failure { _ = try await connect(to: .shared(.rabbitmq)) { $0.virtualHost = "nowhere" } }
    #expect(error?.code == .accessRefused)
    #expect(error?.message.contains("nowhere") == true)
  }

  @Test func `a host that does not exist cannot be found`() async throws {
    let error = await failure { _ = try await connect(to: .shared(.rabbitmq)) { $0.host = "name.invalid" } }
    #expect(error?.code == .connectFailed)
    #expect(error?.message.contains("name.invalid") == true)
  }

  @Test func `heartbeats keep a connection alive that nobody uses`() async throws {
    let connection = try await connect(to: .shared(.rabbitmq)) { $0.heartbeat = .seconds(1) }
    // Either side gives up after two to three intervals of silence.
    let lost = Task { await connection.waitUntilClosed() }
    try await Task.sleep(for: .seconds(5))
    #expect(connection.isOpen)
    lost.cancel()
    #expect(await lost.value == nil)
    let queue = unique("queue")
    try await connection.declareQueue(queue)
    try await connection.deleteQueue(queue)
    await connection.close()
  }

  @Test func `close tells everybody who waits, and may be repeated`() async throws {
    let connection = try await connect(to: .shared(.rabbitmq))
    let queue = unique("queue")
    try await connection.declareQueue(queue)
    let consumer = try await connection.consume(queue, prefetch: 1)
    try await connection.deleteQueue(queue)
    let other = unique("queue")
    try await connection.declareQueue(other)
    let waiting = try await connection.consume(other, prefetch: 1)
    async let taking = failure { _ = try await waiting.take(upTo: 1, waitingAtMost: .seconds(600)) }
    async let ended = connection.waitUntilClosed()
    async let one: Void = connection.close()
    async let two: Void = connection.close()
    _ = await (one, two)
    #expect(await taking?.code == .closed)
    #expect(await ended == nil)
    #expect(!connection.isOpen)
    #expect(await connection.waitUntilClosed() == nil)
    #expect(await failure { _ = try await connection.queueState(other) }?.code == .closed)
    await consumer.close()
    let cleaning = try await connect(to: .shared(.rabbitmq))
    try await cleaning.deleteQueue(other)
    await cleaning.close()
  }

  @Test func `a connection that is dropped is gone`() async throws {
    let server = try await TestServer.shared(.rabbitmq)
    let queue = unique("queue")
    let observer = try await connect(to: server)
    try await observer.declareQueue(queue)
    do {
      let dropped = try await connect(to: server)
      _ = try await dropped.consume(queue, prefetch: 1)
      #expect(try await observer.queueState(queue).consumerCount == 1)
    }
    try await eventually("the consumer is gone") { try await observer.queueState(queue).consumerCount == 0 }
    try await observer.deleteQueue(queue)
    await observer.close()
  }
}
