public import Pipeline
import RabbitMQ
import Synchronization

/// Queues commands in RabbitMQ, on a connection of its own: an alarm of the broker stops publishing connections only.
public final class RabbitCommandPublisher: CommandPublisher, MessagePublisher {
  /// How long a request waits for a connection that is being made.
  private static let patience = Duration.milliseconds(500)

  private let link: BrokerLink
  private let topology: Topology
  /// The partitions whose queue or binding is gone, and what the broker said.
  private let unroutable = Mutex<[Int: String]>([:])

  public init(link: BrokerLink, topology: Topology) {
    self.link = link
    self.topology = topology
  }

  public func publish(_ commands: [Int: [QueuedCommand]]) async -> [Int: Pipeline.PublishOutcome] {
    await publish(commands.map { partition, commands in (partition, message(CommandMessage.encode(commands), to: partition)) })
  }

  public func publish(message body: [UInt8], to partition: Int) async -> Pipeline.PublishOutcome {
    await publish(message: body, to: partition, mark: nil)
  }

  /// - Parameter mark: what a mark is called.
  func publish(message body: [UInt8], to partition: Int, mark: String?) async -> Pipeline.PublishOutcome {
    await publish([(partition, message(body, to: partition, mark: mark))])[partition] ?? .unknown
  }

  private func message(_ body: [UInt8], to partition: Int, mark: String? = nil) -> RabbitMQMessage {
    RabbitMQMessage(exchange: topology.exchange, routingKey: "\(partition)", body: body, messageID: mark)
  }

  /// Sends all of them, one a partition, before it waits for the broker.
  private func publish(_ messages: [(partition: Int, message: RabbitMQMessage)]) async -> [Int: Pipeline.PublishOutcome] {
    let connection: RabbitMQConnection
    do {
      connection = try await link.connection(within: Self.patience)
    } catch {
      return Dictionary(uniqueKeysWithValues: messages.map { ($0.partition, .unavailable) })
    }
    var outcomes: [Int: Pipeline.PublishOutcome] = [:]
    var mustMend = false
    for ((partition, _), outcome) in zip(messages, await connection.publish(messages.map(\.message))) {
      switch outcome {
      case .confirmed: outcomes[partition] = .queued
      case .refused, .blocked: outcomes[partition] = .refused
      case .unknown: outcomes[partition] = .unknown
      case .returned(_, let text):
        // The queue or its binding is gone: they are declared anew, and the client is asked to come again.
        unroutable.withLock { $0[partition] = text }
        mustMend = true
        outcomes[partition] = .unavailable
      }
    }
    if mustMend { _ = await mend(on: connection) }
    return outcomes
  }

  /// As it is now, and not as it was for the last message: nobody may send another while this says that none is taken.
  public func obstacle() async -> String? {
    do {
      let connection = try await link.connection(within: Self.patience)
      if let alarm = await connection.alarm { return "the broker raised an alarm: \(alarm)" }
      return await mend(on: connection)
    } catch {
      return error.message
    }
  }

  /// Declares what is missing. Gives what can't be mended.
  private func mend(on connection: RabbitMQConnection) async -> String? {
    for (partition, text) in unroutable.withLock({ $0 }) {
      do throws(RabbitMQError) {
        try await topology.declareQueues([partition], on: connection)
        unroutable.withLock { $0[partition] = nil }
      } catch {
        return "partition \(partition) cannot be routed: \(text)"
      }
    }
    return nil
  }
}
