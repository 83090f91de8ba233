/// A message to publish.
public struct RabbitMQMessage: Sendable, Equatable {
  /// The exchange to publish to; "" is the default exchange, whose routing keys are the queues' names.
  public var exchange: String
  public var routingKey: String
  public var body: [UInt8]
  /// Arrives as ``RabbitMQDelivery/messageID``. A message without one gets a unique one when it is published.
  public var messageID: String?
  public var headers: [String: RabbitMQArgument]?
  /// Whether the message survives a restart of the broker, in a durable queue.
  public var isPersistent: Bool
  /// Seconds since 1970.
  public var timestamp: UInt64?

  /// Exchange, routing key and message ID have at most 255 bytes each in AMQP, and the headers at most 64 KiB here;
  /// a message with more comes back as ``PublishOutcome/returned(code:text:)``.
  public init(
    exchange: String, routingKey: String, body: [UInt8], messageID: String? = nil, headers: [String: RabbitMQArgument]? = nil,
    isPersistent: Bool = true, timestamp: UInt64? = nil
  ) {
    self.exchange = exchange
    self.routingKey = routingKey
    self.body = body
    self.messageID = messageID
    self.headers = headers
    self.isPersistent = isPersistent
    self.timestamp = timestamp
  }

  /// Why the message cannot be put into AMQP's frames, if so.
  var problem: String? {
    if exchange.utf8.count > 255 { return "the exchange's name has more than 255 bytes" }
    if routingKey.utf8.count > 255 { return "the routing key has more than 255 bytes" }
    if let messageID, messageID.utf8.count > 255 { return "the message ID has more than 255 bytes" }
    return headers?.problem
  }
}

/// What became of a published message.
public enum PublishOutcome: Sendable, Equatable {
  /// The broker took responsibility: the message is in every queue it was routed to, on disk where queue and message are durable.
  case confirmed
  /// The broker did not take it (`basic.nack`): a queue is full and rejects, or failed. It is in no such queue.
  case refused
  /// Not sent, because the broker raised an alarm, for the given reason, and reads nothing from this connection.
  case blocked(reason: String)
  /// It is in no queue: the exchange routed it nowhere (312), or the message cannot be expressed in AMQP and was not sent (502).
  case returned(code: Int, text: String)
  /// The broker may have the message or not: the connection or channel broke, or no word came in time. The text says why.
  case unknown(String)
}
