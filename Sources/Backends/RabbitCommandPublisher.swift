public import Pipeline
import RabbitMQ
import Synchronization

/// Queues commands in RabbitMQ, on a connection of its own: an alarm of the broker stops publishing connections only.
public final class RabbitCommandPublisher: CommandPublisher, MessagePublisher {
  /// How long a request waits for a connection that is being made.
  private static let patience = Duration.milliseconds(500)

  private let link: BrokerLink
  private let topology: Topology
  /// Why the last message was not taken, until one is.
  private let trouble = Mutex<String?>(nil)

  public init(link: BrokerLink, topology: Topology) {
    self.link = link
    self.topology = topology
  }

  public func publish(_ commands: [QueuedCommand], to partition: Int) async -> Pipeline.PublishOutcome {
    await publish(message: CommandMessage.encode(commands), to: partition)
  }

  public func publish(message body: [UInt8], to partition: Int) async -> Pipeline.PublishOutcome {
    let connection: RabbitMQConnection
    do {
      connection = try await link.connection(within: Self.patience)
    } catch {
      return .unavailable
    }
    let message = RabbitMQMessage(exchange: topology.exchange, routingKey: "\(partition)", body: body)
    let outcome = await connection.publish([message]).first ?? .unknown("the client gave no outcome")
    switch outcome {
    case .confirmed:
      trouble.withLock { $0 = nil }
      return .queued
    case .refused: return .refused
    case .blocked(let reason):
      trouble.withLock { $0 = "the broker raised an alarm: \(reason)" }
      return .refused
    case .returned(_, let text):
      // The queue or its binding is gone: they are declared anew, and the client is asked to come again.
      trouble.withLock { $0 = "partition \(partition) cannot be routed: \(text)" }
      try? await topology.declareQueue(partition, on: connection)
      return .unavailable
    case .unknown: return .unknown
    }
  }

  public func obstacle() async -> String? {
    do {
      _ = try await link.connection(within: Self.patience)
      return trouble.withLock { $0 }
    } catch {
      return error.message
    }
  }
}
