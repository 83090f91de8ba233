import Pipeline
import Ticketing

/// A worker's way to the broker.
struct SimulatedQueue: CommandQueue {
  let world: World
  let broker: Broker
  let process: SimulatedProcess

  var isReachable: Bool { get async { !world.isAway(.broker) } }

  func subscribe(to partition: Int) async throws(QueueUnavailable) -> any CommandSubscription {
    let isAbandoned = Box(false)
    do throws(NoAnswer) {
      let consumer = try await world.call(process, .broker, "subscribes") { [broker, process] in
        let consumer = broker.subscribe(process, partition: partition)
        if isAbandoned.value { broker.close(consumer) }
        return consumer
      }
      return Subscription(world: world, broker: broker, consumer: consumer)
    } catch {
      // A client that does not know whether it is subscribed closes its connection.
      isAbandoned.value = true
      broker.cutConnections(of: process, partition: partition)
      throw QueueUnavailable("no answer")
    }
  }

  func mark(_ partition: Int, as name: String) async throws(QueueUnavailable) {
    do throws(NoAnswer) {
      let isQueued = try await world.call(process, .broker, "marks the queue") { [broker] in
        broker.receive(mark: name, partition: partition)
      }
      if isQueued { return }
    } catch {
      // It may be there, and do no harm.
    }
    throw QueueUnavailable("no answer")
  }

  private struct Subscription: CommandSubscription {
    let world: World
    let broker: Broker
    let consumer: Broker.Consumer

    func take(_ limit: Int, waitingAtMost patience: Duration) async throws(QueueUnavailable) -> [Delivery] {
      let (seconds, attoseconds) = patience.components
      var deliveries = try await broker.take(
        limit, of: consumer, waitingAtMost: seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
      guard let last = deliveries.last else { return [] }
      switch world.defect {
      case .acknowledgeBeforeCommit: _ = broker.acknowledge(through: last.tag, of: consumer)
      case .ignoreRedelivered: for index in deliveries.indices { deliveries[index].redelivered = false }
      case .dropBatchMates:
        for index in deliveries.indices where isPoisonous(deliveries[index].body) {
          deliveries[index].body = CommandMessage.encode([])
        }
      case .loseRestOfBatch:
        for index in deliveries.indices.dropFirst(max(1, deliveries.count / 2)) {
          deliveries[index].body = CommandMessage.encode([])
        }
      default: break
      }
      return deliveries
    }

    private func isPoisonous(_ body: [UInt8]) -> Bool {
      guard let entries = try? CommandMessage.decode(body) else { return true }
      return entries.contains { if case .unreadable = $0 { true } else { false } }
    }

    func acknowledge(through tag: UInt64) async throws(QueueUnavailable) {
      if world.defect == .acknowledgeBeforeCommit { return }
      // There is no answer to an acknowledgement; one that was lost shows in the connection being closed.
      do throws(NoAnswer) {
        let isDone = try await world.call(consumer.process, .broker, "acknowledging") { [world, broker, consumer] in
          broker.acknowledge(through: tag, of: consumer, tooFar: world.defect == .acknowledgeTooFar)
        }
        if isDone { return }
      } catch {
        broker.close(consumer)
      }
      throw QueueUnavailable("the connection broke")
    }

    func close() async {
      if world.defect == .requeueWithNack { broker.requeue(consumer) }
      if world.defect == .cancelBeforeHandOver {
        broker.cancel(consumer)
        await world.scheduler.wait(50_000)
      }
      await world.scheduler.wait(200)
      broker.close(consumer)
    }
  }
}

/// A gateway's way to the broker.
struct SimulatedPublisher: CommandPublisher {
  let world: World
  let broker: Broker
  let process: SimulatedProcess

  func publish(_ commands: [Int: [QueuedCommand]]) async -> [Int: PublishOutcome] {
    // In one order, so that a seed tells one story.
    var outcomes: [Int: PublishOutcome] = [:]
    for (partition, commands) in commands.sorted(by: { $0.key < $1.key }) {
      outcomes[partition] = await publish(commands, to: partition)
    }
    return outcomes
  }

  private func publish(_ commands: [QueuedCommand], to partition: Int) async -> PublishOutcome {
    if !process.isAlive || world.isAway(.broker) { return .unavailable }
    let isPoisonous = world.chance(world.plan.poison)
    let body = isPoisonous ? poisoned(CommandMessage.encode(commands), broker.nextPoison()) : CommandMessage.encode(commands)
    do throws(NoAnswer) {
      let receipt = try await world.call(process, .broker, "publishes") { [broker] in
        broker.receive(commands, body, isPoisonous: isPoisonous, partition: partition)
      }
      switch receipt {
      case .confirmed: return .queued
      case .refused: return .refused
      case .returned: return .unavailable
      }
    } catch {
      return world.defect == .treatUnknownAsRefused ? .refused : .unknown
    }
  }

  func obstacle() async -> String? { nil }

  /// One more command behind the others, of a kind that nobody knows.
  private func poisoned(_ body: [UInt8], _ number: UInt8) -> [UInt8] {
    var body = body
    body[2] += 1
    return body + [0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 99, number]
  }
}
