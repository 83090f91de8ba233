import RabbitMQ

extension Row {
  /// What the broker alone carries if every request is a message.
  static let broker = Row(
    name: "broker",
    title: "RabbitMQ alone: one persistent 220-byte message a request, published, confirmed, consumed, acknowledged",
    figures: [
      Figure("broker.messages", "messages", "/s"),
      Figure("broker.cpu", "CPU, the server", "s/1,000"),
      Figure("broker.cpu_clients", "CPU, with its clients", "s/1,000"),
    ]
  ) { lab, _ in
    let queue = "bench.\(UInt64.random(in: .min ... .max))"
    var configuration = try RabbitMQConfiguration(url: lab.amqpURL)
    configuration.connectionName = "tickethub bench"
    let publisher = try await RabbitMQConnection.connect(configuration)
    let connection = try await RabbitMQConnection.connect(configuration)
    // A queue as TicketHub's own.
    try await publisher.declareQueue(queue, arguments: ["x-queue-type": "quorum", "x-single-active-consumer": true])
    let consumer = try await connection.consume(queue, prefetch: 2_000)

    let processes = try await lab.processes()
    let (cpu, own, start) = (processes.cpu(), ownCPU(), monotonicNanoseconds())
    async let consumed: Void = consume(lab.spike, from: consumer)
    try await publish(lab.spike, to: queue, on: publisher)
    try await consumed
    // Answered after the last acknowledgement was handled.
    await consumer.close()
    let seconds = Double(monotonicNanoseconds() - start) / 1e9
    let server = (processes.cpu()["rabbitmq"] ?? .nan) - (cpu["rabbitmq"] ?? .nan)
    let clients = ownCPU() - own

    try await publisher.deleteQueue(queue)
    await connection.close()
    await publisher.close()
    var measurement = Measurement()
    measurement.values = [
      "broker.messages": Double(lab.spike) / seconds,
      "broker.cpu": server * 1000 / Double(lab.spike),
      "broker.cpu_clients": (server + clients) * 1000 / Double(lab.spike),
    ]
    return measurement
  }

  /// Messages of a call, and calls whose confirms are under way: about a thousand messages in flight.
  private static let chunk = 64
  private static let lanes = 16

  private static func publish(_ count: Int, to queue: String, on connection: RabbitMQConnection) async throws {
    let message = RabbitMQMessage(exchange: "", routingKey: queue, body: Array(repeating: 120, count: 220))
    try await withThrowingTaskGroup(of: Void.self) { group in
      var sent = 0
      var begun = 0
      while sent < count {
        if begun >= lanes { try await group.next() }
        let messages = Array(repeating: message, count: min(chunk, count - sent))
        group.addTask {
          let outcomes = await connection.publish(messages)
          if let other = outcomes.first(where: { $0 != .confirmed }) {
            throw BenchFailure("a message was not confirmed: \(other)")
          }
        }
        sent += messages.count
        begun += 1
      }
      try await group.waitForAll()
    }
  }

  private static func consume(_ count: Int, from consumer: RabbitMQConsumer) async throws {
    var taken = 0
    while taken < count {
      let deliveries = try await consumer.take(upTo: 500, waitingAtMost: .seconds(30))
      guard let last = deliveries.last else { throw BenchFailure("\(count - taken) messages were not delivered within 30 s") }
      taken += deliveries.count
      try await consumer.acknowledge(through: last.tag)
    }
  }
}
