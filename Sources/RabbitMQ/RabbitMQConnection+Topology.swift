/// What can be asked about a queue at any time.
public struct QueueState: Sendable, Equatable {
  /// Messages ready to be delivered; those delivered and not acknowledged are not among them.
  public var messageCount: Int
  public var consumerCount: Int

  public init(messageCount: Int, consumerCount: Int) {
    self.messageCount = messageCount
    self.consumerCount = consumerCount
  }
}

/// How an exchange chooses the queues ([AMQP concepts](https://www.rabbitmq.com/tutorials/amqp-concepts.html#exchanges)).
public enum ExchangeKind: String, Sendable {
  case direct, fanout, topic, headers
}

/// Exchanges, queues and bindings. Every call throws an error within `rpcTimeout`: `blocked` while the broker has an alarm,
/// `accessRefused`, `invalidArgument` for a name of more than 255 bytes, or the connection's loss, besides what it says itself.
extension RabbitMQConnection {
  /// Makes sure that the exchange exists.
  ///
  /// - Throws: `preconditionFailed` if it exists with other properties.
  public func declareExchange(_ name: String, kind: ExchangeKind, durable: Bool = true) async throws(RabbitMQError) {
    try await ask(.declareExchange(name, kind: kind.rawValue, durable: durable))
  }

  /// Makes sure that the queue exists.
  ///
  /// - Parameter arguments: such as `["x-queue-type": "quorum", "x-max-length": 1000]`.
  /// - Throws: `preconditionFailed` if it exists with other properties, or the arguments contradict each other.
  @discardableResult
  public func declareQueue(
    _ name: String, durable: Bool = true, arguments: [String: RabbitMQArgument] = [:]
  ) async throws(RabbitMQError) -> QueueState {
    try stated(await ask(.declareQueue(name, durable: durable, arguments: arguments)))
  }

  /// Looks at a queue without changing anything.
  ///
  /// - Throws: `notFound` if there is no such queue.
  public func queueState(_ name: String) async throws(RabbitMQError) -> QueueState {
    try stated(await ask(.inspectQueue(name)))
  }

  /// Has the exchange route messages with this key to the queue.
  ///
  /// - Throws: `notFound` if one of the two does not exist.
  public func bindQueue(_ queue: String, to exchange: String, routingKey: String) async throws(RabbitMQError) {
    try await ask(.bindQueue(queue, exchange: exchange, routingKey: routingKey))
  }

  /// Takes a binding away; it need not exist.
  public func unbindQueue(_ queue: String, from exchange: String, routingKey: String) async throws(RabbitMQError) {
    try await ask(.unbindQueue(queue, exchange: exchange, routingKey: routingKey))
  }

  /// Throws the queue's ready messages away.
  public func purgeQueue(_ name: String) async throws(RabbitMQError) { try await ask(.purgeQueue(name)) }

  /// Deletes the queue with its messages; it need not exist.
  public func deleteQueue(_ name: String) async throws(RabbitMQError) { try await ask(.deleteQueue(name)) }

  /// Deletes the exchange with its bindings; it need not exist.
  public func deleteExchange(_ name: String) async throws(RabbitMQError) { try await ask(.deleteExchange(name)) }

  private func stated(_ state: QueueState?) throws(RabbitMQError) -> QueueState {
    guard let state else {
      throw RabbitMQError(code: .protocolViolation, message: "\(broker) answered a declaration without the queue's state")
    }
    return state
  }
}
