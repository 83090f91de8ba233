public import Pipeline
import RabbitMQ

/// The names and properties of what TicketHub has in RabbitMQ.
public struct Topology: Sendable {
  /// How many messages may wait in a queue. Each has up to ``CommandMessage/maximumCommands`` commands, so this is millions of
  /// requests in a spike; what it bounds is the broker's memory for a queue's index (32 bytes a message) and disk.
  public static let defaultQueueLimit = 100_000

  public let partitioning: Partitioning
  private let queueLimit: Int

  public init(partitioning: Partitioning, queueLimit: Int = Topology.defaultQueueLimit) {
    self.partitioning = partitioning
    self.queueLimit = queueLimit
  }

  /// The number of partitions is part of the names: processes that disagree on it never share a queue.
  var exchange: String { "tickethub.commands.p\(partitioning.count)" }

  func queue(_ partition: Int) -> String { "\(exchange).\(partition)" }

  /// A quorum queue, so that a confirm means "on disk"; a single active consumer, so that the order survives a change of worker;
  /// full means a refusal, since by default RabbitMQ would drop the oldest. No delivery limit: it would drop innocent messages
  /// when workers crash.
  private var queueArguments: [String: RabbitMQArgument] {
    [
      "x-queue-type": "quorum", "x-single-active-consumer": true, "x-overflow": "reject-publish",
      "x-max-length": .integer(Int64(queueLimit)),
    ]
  }

  /// Declares what is missing.
  func declare(on connection: RabbitMQConnection) async throws(RabbitMQError) {
    try await connection.declareExchange(exchange, kind: .direct)
    for partition in 0..<partitioning.count { try await declareQueue(partition, on: connection) }
  }

  func declareQueue(_ partition: Int, on connection: RabbitMQConnection) async throws(RabbitMQError) {
    _ = try await connection.declareQueue(queue(partition), arguments: queueArguments)
    try await connection.bindQueue(queue(partition), to: exchange, routingKey: "\(partition)")
  }
}
