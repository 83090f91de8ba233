public import Pipeline
import RabbitMQ
import Synchronization

/// Queues commands in RabbitMQ, on a connection of its own: an alarm of the broker stops publishing connections only.
public final class RabbitCommandPublisher: CommandPublisher, MessagePublisher {
  /// How long a request waits for a connection that is being made.
  private static let patience = Duration.milliseconds(500)
  /// How long anybody waits for what is missing to be declared. It goes on afterwards.
  private static let mendingPatience = Duration.seconds(10)

  /// What is missing at the broker.
  private struct Damage {
    /// Whether the exchange is gone, and every binding with it.
    var isOfExchange = false
    /// The partitions whose queue or binding is gone, and what the broker said.
    var unroutable: [Int: String] = [:]

    var isNone: Bool { !isOfExchange && unroutable.isEmpty }
  }

  private let link: BrokerLink
  private let topology: Topology
  private let damage = Mutex(Damage())
  /// Under load many find out at the same moment.
  private let mending = SingleFlight<String?>(time: .system)

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
        damage.withLock { $0.unroutable[partition] = text }
        mustMend = true
        outcomes[partition] = .unavailable
      }
    }
    // To a missing exchange the broker returns nothing: it closes the channel, and nobody can tell what was taken before.
    if outcomes.values.contains(.unknown), await connection.takePublishFailure()?.code == .notFound {
      damage.withLock { $0.isOfExchange = true }
      mustMend = true
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

  /// Has what is missing declared, once for all who miss something meanwhile. Gives what can't be mended.
  private func mend(on connection: RabbitMQConnection) async -> String? {
    if damage.withLock({ $0.isNone }) { return nil }
    let trouble = await mending.outcome(within: Self.mendingPatience) { await self.declareMissing(on: connection) }
    guard let trouble else { return "what is missing at the broker is being declared" }
    return trouble
  }

  private func declareMissing(on connection: RabbitMQConnection) async -> String? {
    let found = damage.withLock { $0 }
    if found.isOfExchange {
      do throws(RabbitMQError) {
        try await topology.declare(on: connection)
      } catch {
        return "the exchange is gone and can't be declared: \(error.message)"
      }
      // With it everything was declared.
      damage.withLock { $0 = Damage() }
      return nil
    }
    for (partition, text) in found.unroutable {
      do throws(RabbitMQError) {
        try await topology.declareQueues([partition], on: connection)
        damage.withLock { $0.unroutable[partition] = nil }
      } catch {
        return "partition \(partition) cannot be routed: \(text)"
      }
    }
    return nil
  }
}
