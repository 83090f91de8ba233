public import Pipeline
import RabbitMQ

/// The partitions' queues in RabbitMQ, for a worker.
public struct RabbitCommandQueue: CommandQueue {
  /// Messages on their way to a worker: twice what it takes at once, so that the next are there when it is done.
  static let prefetch: UInt16 = 64
  /// How long a subscriber waits for a connection that is being made; then it looks whether it still is to subscribe.
  private static let patience = Duration.seconds(2)

  private let link: BrokerLink
  private let publisher: RabbitCommandPublisher
  private let topology: Topology

  /// - Parameter publisher: for marks, on a connection of its own: an alarm of the broker stops all that a publishing connection does.
  public init(link: BrokerLink, publisher: RabbitCommandPublisher, topology: Topology) {
    self.link = link
    self.publisher = publisher
    self.topology = topology
  }

  public var isReachable: Bool {
    get async {
      do throws(RabbitMQError) {
        _ = try await link.connection(within: .zero)
        return true
      } catch {
        return false
      }
    }
  }

  public func subscribe(to partition: Int) async throws(QueueUnavailable) -> any CommandSubscription {
    do throws(RabbitMQError) {
      let connection = try await link.connection(within: Self.patience)
      do throws(RabbitMQError) {
        return RabbitSubscription(consumer: try await connection.consume(topology.queue(partition), prefetch: Self.prefetch))
      } catch  where error.code == .notFound {
        // Somebody deleted the queue. What was in it is lost to the broker; new commands must not be.
        try await topology.declareQueues([partition], on: connection)
        throw error
      }
    } catch {
      throw QueueUnavailable(error.message)
    }
  }

  public func mark(_ partition: Int, as name: String) async throws(QueueUnavailable) {
    let outcome = await publisher.publish(message: CommandMessage.encode([]), to: partition, mark: name)
    if outcome != .queued { throw QueueUnavailable("a mark was not queued: \(outcome)") }
  }
}

private struct RabbitSubscription: CommandSubscription {
  let consumer: RabbitMQConsumer

  func take(_ limit: Int, waitingAtMost time: Duration) async throws(QueueUnavailable) -> [Delivery] {
    do throws(RabbitMQError) {
      return try await consumer.take(upTo: limit, waitingAtMost: time).map {
        Delivery(tag: $0.tag, redelivered: $0.redelivered, body: $0.body, mark: $0.messageID)
      }
    } catch {
      throw QueueUnavailable(error.message)
    }
  }

  func acknowledge(through tag: UInt64) async throws(QueueUnavailable) {
    do throws(RabbitMQError) {
      try await consumer.acknowledge(through: tag)
    } catch {
      throw QueueUnavailable(error.message)
    }
  }

  func close() async { await consumer.close() }
}
