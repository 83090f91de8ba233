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

  /// Declares what is missing. Nothing reaches a queue before the broker has written down that there is one.
  /// - Returns: the queues that exist with another limit.
  @discardableResult
  func declare(on connection: RabbitMQConnection) async throws(RabbitMQError) -> [String] {
    try await connection.declareExchange(exchange, kind: .direct)
    return try await declareQueues(Array(0..<partitioning.count), on: connection)
  }

  @discardableResult
  func declareQueues(_ partitions: [Int], on connection: RabbitMQConnection) async throws(RabbitMQError) -> [String] {
    var others: [String] = []
    for partition in partitions {
      if try await !declareQueue(queue(partition), on: connection) { others.append(queue(partition)) }
    }
    try await writeNames(on: connection)
    for partition in partitions { try await connection.bindQueue(queue(partition), to: exchange, routingKey: "\(partition)") }
    return others
  }

  /// Gives whether the queue has this limit. One that was made with another keeps it: RabbitMQ changes none, and to refuse to work
  /// because of it would end the sale.
  private func declareQueue(_ name: String, on connection: RabbitMQConnection) async throws(RabbitMQError) -> Bool {
    do throws(RabbitMQError) {
      try await connection.declareQueue(name, arguments: queueArguments)
      return true
    } catch  where error.code == .preconditionFailed && error.message.contains("x-max-length") {
      _ = try await connection.queueState(name)
      return false
    }
  }

  /// Has the broker write down the names of the queues made so far, its latest one included.
  ///
  /// RabbitMQ 3.10 keeps the name of the latest quorum queue in memory for up to a second. Killed in that second it comes back with
  /// that queue empty, confirmed messages gone, and without a leader for ever. Making another queue has it write those before.
  private func writeNames(on connection: RabbitMQConnection) async throws(RabbitMQError) {
    let passing = "\(exchange).names.\(UInt64.random(in: .min ... .max))"
    // Should nobody come to delete it, it goes by itself.
    try await connection.declareQueue(passing, arguments: ["x-queue-type": "quorum", "x-expires": 60_000])
    try await connection.deleteQueue(passing)
  }
}
