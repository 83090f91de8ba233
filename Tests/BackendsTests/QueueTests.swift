import BackendsTestSupport
import Logging
import Pipeline
import RabbitMQ
import TestSupport
import Testing
import Ticketing

@testable import Backends

struct QueueTests {
  /// Runs the body with a publisher and a queue on a virtual host of their own.
  private func withQueue(
    _ topology: Topology, body: (RabbitCommandPublisher, RabbitCommandQueue, _ url: String) async throws -> Void
  ) async throws {
    let url = try await virtualHost(on: .shared(.rabbitmq))
    let link = try BrokerLink(
      url: url, name: "tests", heartbeat: .seconds(20), topology: topology,
      logger: Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() })
    do {
      let publisher = RabbitCommandPublisher(link: link, topology: topology)
      try await eventually(within: .seconds(60), "a connection") { await publisher.obstacle() == nil }
      try await body(publisher, RabbitCommandQueue(link: link, publisher: publisher, topology: topology), url)
      await link.close()
    } catch {
      await link.close()
      throw error
    }
  }

  private func commands(_ count: Int) -> [QueuedCommand] {
    (0..<count).map { QueuedCommand(.reserve(event: random()), ordinal: Int64($0)) }
  }

  /// Takes so many messages.
  private func take(_ count: Int, from subscription: any CommandSubscription) async throws -> [Delivery] {
    var deliveries: [Delivery] = []
    try await eventually(within: .seconds(60), "\(count) deliveries") {
      deliveries += try await subscription.take(count - deliveries.count, waitingAtMost: .seconds(5))
      return deliveries.count == count
    }
    return deliveries
  }

  private func entries(_ commands: [QueuedCommand]) throws -> [CommandMessage.Entry] {
    try CommandMessage.decode(CommandMessage.encode(commands))
  }

  @Test func `what is published is taken in its order, and again unless it was acknowledged`() async throws {
    try await withQueue(Topology(partitioning: Partitioning(count: 3))) { publisher, queue, _ in
      let messages = [commands(2), commands(1), commands(256)]
      for message in messages { #expect(await publisher.publish(message, to: 2) == .queued) }
      let first = try await queue.subscribe(to: 2)
      let deliveries = try await take(3, from: first)
      #expect(try deliveries.map { try CommandMessage.decode($0.body) } == messages.map(entries))
      #expect(deliveries.allSatisfy { !$0.redelivered })
      try await first.acknowledge(through: deliveries[1].tag)
      await first.close()

      let second = try await queue.subscribe(to: 2)
      let again = try await take(1, from: second)
      #expect(try CommandMessage.decode(again[0].body) == entries(messages[2]))
      #expect(again[0].redelivered)
      await second.close()
    }
  }

  @Test func `what is confirmed in a new queue survives a broker that dies at once`() async throws {
    try await TestServer.withOwn(.rabbitmq) { server in
      // The last queue made is the one in danger: the first request of a sale, then the first one after a queue was deleted.
      let topology = Topology(partitioning: Partitioning(count: 2))
      let link = try BrokerLink(
        url: server.url, name: "tests", heartbeat: .seconds(20), topology: topology,
        logger: Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() })
      let publisher = RabbitCommandPublisher(link: link, topology: topology)
      let queue = RabbitCommandQueue(link: link, publisher: publisher, topology: topology)
      for isDeleted in [false, true] {
        if isDeleted {
          let broker = try await RabbitMQConnection.connect(try RabbitMQConfiguration(url: server.url))
          try await broker.deleteQueue(topology.queue(1))
          await broker.close()
        }
        let message = commands(1)
        try await eventually(within: .seconds(60), "a confirm") { await publisher.publish(message, to: 1) == .queued }
        try await server.kill()
        try await server.start()
        var subscription: (any CommandSubscription)?
        try await eventually(within: .seconds(60), "a subscription") {
          subscription = try? await queue.subscribe(to: 1)
          return subscription != nil
        }
        let deliveries = try await take(1, from: #require(subscription))
        #expect(try CommandMessage.decode(deliveries[0].body) == entries(message))
        try await subscription?.acknowledge(through: deliveries[0].tag)
        await subscription?.close()
      }
      await link.close()
    }
  }

  @Test func `a queue that lost its binding is unavailable once and then mended`() async throws {
    let topology = Topology(partitioning: Partitioning(count: 5))
    try await withQueue(topology) { publisher, queue, url in
      let broker = try await RabbitMQConnection.connect(try RabbitMQConfiguration(url: url))
      try await broker.unbindQueue(topology.queue(4), from: topology.exchange, routingKey: "4")
      await broker.close()
      #expect(await publisher.publish(commands(1), to: 4) == .unavailable)
      // Without another message: whoever is told of an obstacle sends none.
      #expect(await publisher.obstacle() == nil)
      let message = commands(1)
      #expect(await publisher.publish(message, to: 4) == .queued)
      let subscription = try await queue.subscribe(to: 4)
      let deliveries = try await take(1, from: subscription)
      #expect(try CommandMessage.decode(deliveries[0].body) == entries(message))
      await subscription.close()
    }
  }

  @Test func `an exchange that was deleted is declared again by whoever publishes next, and consumers stay`() async throws {
    let topology = Topology(partitioning: Partitioning(count: 3))
    try await withQueue(topology) { publisher, queue, url in
      let subscription = try await queue.subscribe(to: 2)
      let broker = try await RabbitMQConnection.connect(try RabbitMQConfiguration(url: url))
      try await broker.deleteExchange(topology.exchange)
      #expect(await publisher.publish(commands(1), to: 2) == .unknown, "what was sent before it was gone may have been taken")
      // Without another message: whoever is told of an obstacle sends none.
      #expect(await publisher.obstacle() == nil)
      let messages = (0..<3).map { _ in commands(1) }
      for partition in 0..<3 { #expect(await publisher.publish(messages[partition], to: partition) == .queued) }
      let deliveries = try await take(1, from: subscription)
      #expect(try CommandMessage.decode(deliveries[0].body) == entries(messages[2]))
      try await subscription.acknowledge(through: deliveries[0].tag)

      // Workers publish as well: marks.
      try await broker.deleteExchange(topology.exchange)
      await broker.close()
      await #expect(throws: QueueUnavailable.self) { try await queue.mark(2, as: "a mark") }
      try await queue.mark(2, as: "a mark")
      #expect(try await take(1, from: subscription)[0].mark == "a mark")
      await subscription.close()
    }
  }

  @Test func `many who publish when the exchange is deleted have it back within moments`() async throws {
    let topology = Topology(partitioning: Partitioning(count: 4))
    try await withQueue(topology) { publisher, _, url in
      let broker = try await RabbitMQConnection.connect(try RabbitMQConfiguration(url: url))
      try await broker.deleteExchange(topology.exchange)
      await broker.close()
      try await withThrowingTaskGroup { group in
        for number in 0..<40 {
          group.addTask {
            let message = [QueuedCommand(.reserve(event: random()), ordinal: Int64(number))]
            try await eventually(within: .seconds(60), "message \(number) queued") {
              await publisher.publish(message, to: number % 4) == .queued
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(await publisher.obstacle() == nil)
    }
  }

  @Test func `an exchange that can't be declared again is an obstacle until it can`() async throws {
    let topology = Topology(partitioning: Partitioning(count: 1))
    let server = try await TestServer.shared(.rabbitmq)
    try await withQueue(topology) { publisher, _, url in
      let host = try #require(url.split(separator: "/").last.map { String($0) })
      let broker = try await RabbitMQConnection.connect(try RabbitMQConfiguration(url: url))
      try await broker.deleteExchange(topology.exchange)
      await broker.close()
      try await server.rabbitmqctl("set_permissions", "-p", host, "tickethub", "^$", ".*", ".*")
      #expect(await publisher.publish(commands(1), to: 0) == .unknown)
      let obstacle = try #require(await publisher.obstacle())
      #expect(obstacle.contains("the exchange is gone") && obstacle.contains("ACCESS_REFUSED"), "\(obstacle)")
      try await server.rabbitmqctl("set_permissions", "-p", host, "tickethub", ".*", ".*", ".*")
      #expect(await publisher.obstacle() == nil)
      #expect(await publisher.publish(commands(1), to: 0) == .queued)
    }
  }

  @Test func `a queue that was made with another limit keeps it, and is used all the same`() async throws {
    let one = Partitioning(count: 1)
    try await withQueue(Topology(partitioning: one, queueLimit: 2)) { _, _, url in
      let other = Topology(partitioning: one, queueLimit: 5000)
      let link = try BrokerLink(
        url: url, name: "tests", heartbeat: .seconds(20), topology: other,
        logger: Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() })
      let publisher = RabbitCommandPublisher(link: link, topology: other)
      try await eventually(within: .seconds(60), "a connection") { await publisher.obstacle() == nil }
      try await eventually(within: .seconds(60), "the old limit") { await publisher.publish(commands(1), to: 0) == .refused }
      let queue = RabbitCommandQueue(link: link, publisher: publisher, topology: other)
      let subscription = try await queue.subscribe(to: 0)
      let deliveries = try await take(2, from: subscription)
      try await subscription.acknowledge(through: deliveries[1].tag)
      await subscription.close()
      await link.close()
    }
  }

  @Test func `a queue that was deleted is declared again by the worker that wants to subscribe to it`() async throws {
    let topology = Topology(partitioning: Partitioning(count: 2))
    try await withQueue(topology) { publisher, queue, url in
      let broker = try await RabbitMQConnection.connect(try RabbitMQConfiguration(url: url))
      try await broker.deleteQueue(topology.queue(1))
      await broker.close()
      await #expect(throws: QueueUnavailable.self) { _ = try await queue.subscribe(to: 1) }
      // Nothing was published, which would mend it too.
      var subscribed: (any CommandSubscription)?
      try await eventually("a subscription") {
        subscribed = try await queue.subscribe(to: 1)
        return true
      }
      let subscription = try #require(subscribed)
      let message = commands(1)
      #expect(await publisher.publish(message, to: 1) == .queued)
      let deliveries = try await take(1, from: subscription)
      #expect(try CommandMessage.decode(deliveries[0].body) == entries(message))
      await subscription.close()
    }
  }

  @Test func `of two workers on a partition one gets all messages, and after it the other, in their order`() async throws {
    try await withQueue(Topology(partitioning: Partitioning(count: 1))) { publisher, queue, _ in
      let workers = [try await queue.subscribe(to: 0), try await queue.subscribe(to: 0)]
      let messages = (1...6).map { commands($0) }
      for message in messages { #expect(await publisher.publish(message, to: 0) == .queued) }
      for worker in workers {
        let deliveries = try await take(messages.count, from: worker)
        #expect(try deliveries.map { try CommandMessage.decode($0.body) } == messages.map(entries))
        await worker.close()
      }
    }
  }

  @Test func `an alarm is an obstacle while it lasts, and is over without another message`() async throws {
    try await TestServer.withOwn(.rabbitmq) { server in
      let topology = Topology(partitioning: Partitioning(count: 1))
      let link = try BrokerLink(
        url: server.url, name: "tests", heartbeat: .seconds(20), topology: topology,
        logger: Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() })
      let publisher = RabbitCommandPublisher(link: link, topology: topology)
      try await eventually(within: .seconds(60), "a confirm") { await publisher.publish(commands(1), to: 0) == .queued }
      try await server.rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1")
      try await eventually(within: .seconds(60), "a refusal") { await publisher.publish(commands(1), to: 0) == .refused }
      #expect(await publisher.obstacle()?.contains("alarm") == true)
      try await server.rabbitmqctl("set_vm_memory_high_watermark", "0.4")
      try await eventually(within: .seconds(60), "no obstacle") { await publisher.obstacle() == nil }
      #expect(await publisher.publish(commands(1), to: 0) == .queued)
      await link.close()
    }
  }

  @Test func `a full queue refuses until something was taken from it`() async throws {
    try await withQueue(Topology(partitioning: Partitioning(count: 7), queueLimit: 2)) { publisher, queue, _ in
      // A quorum queue takes a few more before it notices.
      var queued = 0
      try await eventually(within: .seconds(60), "a refusal") {
        let outcome = await publisher.publish(commands(1), to: 6)
        if outcome == .queued { queued += 1 }
        return outcome == .refused
      }
      #expect(queued >= 2)
      #expect(await publisher.publish(commands(1), to: 0) == .queued, "another partition has room")
      let subscription = try await queue.subscribe(to: 6)
      let deliveries = try await take(queued, from: subscription)
      try await subscription.acknowledge(through: deliveries[queued - 1].tag)
      try await eventually(within: .seconds(60), "room") { await publisher.publish(commands(1), to: 6) == .queued }
      await subscription.close()
    }
  }
}
