import Foundation
import TestSupport
import Testing

@testable import RabbitMQ

/// What happens when the broker is away, restarts, hangs or is short of memory. One broker for all of these tests, one test at a
/// time.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FaultTests {
  private static let starting = Task { try await TestServer.own(.rabbitmq, tls: true) }
  private let server: TestServer

  /// Far more than anything here takes, far less than forever.
  private static let bounded = Duration.seconds(30)

  init() async throws { server = try await Self.starting.value }

  /// By name, since librabbitmq compares a certificate with names only.
  private var secureConfiguration: RabbitMQConfiguration {
    get throws {
      var configuration = try RabbitMQConfiguration(url: server.tlsURL)
      configuration.host = "localhost"
      return configuration
    }
  }

  /// A connection that notices a hanging broker soon.
  private func connectImpatiently(tls: Bool = false) async throws -> RabbitMQConnection {
    var configuration = try tls ? secureConfiguration : RabbitMQConfiguration(url: server.url)
    configuration.heartbeat = .seconds(1)
    configuration.connectTimeout = .seconds(20)
    return try await .connect(configuration)
  }

  /// Runs the body while the broker is stopped by a signal, and lets the broker go on whatever happens.
  private func whileSuspended<Result>(_ body: () async throws -> Result) async throws -> Result {
    try await server.suspend()
    do {
      let result = try await body()
      try server.resume()
      return result
    } catch {
      try server.resume()
      throw error
    }
  }

  /// That the broker serves a new connection.
  private func expectService(_ queue: String) async throws {
    let connection = try await connect(to: server)
    try await connection.declareQueue(queue)
    #expect(await connection.publish(messages([1], to: queue)) == [.confirmed])
    try await connection.deleteQueue(queue)
    await connection.close()
  }

  @Test func `a broker that is away refuses at once, and is used again when it is back`() async throws {
    try await server.stop()
    let start = ContinuousClock.now
    let error = await failure { _ = try await connect(to: server) }
    #expect(error?.code == .connectFailed)
    #expect(error?.message == "RabbitMQ at 127.0.0.1:\(server.port) refused the connection; is it running?")
    #expect(error?.isRetryable == true)
    #expect(ContinuousClock.now - start < .seconds(10))
    try await server.start()
    try await expectService(unique("queue"))
  }

  @Test func `a restart ends the connection with an error, and what was confirmed is still there in order`() async throws {
    let queue = unique("queue")
    let connection = try await connect(to: server)
    try await connection.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
    _ = await connection.publish(messages(0..<100, to: queue))
    let empty = unique("queue")
    try await connection.declareQueue(empty)
    let consumer = try await connection.consume(empty, prefetch: 1)
    async let taking = failure { _ = try await consumer.take(upTo: 1, waitingAtMost: .seconds(600)) }
    async let ended = connection.waitUntilClosed()
    try await server.restart()
    #expect(await ended?.code == .connectionLost)
    #expect(await taking?.code == .connectionLost)
    #expect(!connection.isOpen)
    #expect(await failure { _ = try await connection.queueState(queue) }?.code == .connectionLost)

    let next = try await connect(to: server)
    let taken = try await take(100, from: next.consume(queue, prefetch: 100))
    #expect(numbers(taken) == Array(0..<100))
    try await next.deleteQueue(queue)
    try await next.deleteQueue(empty)
    await next.close()
  }

  @Test func `of what a durable classic queue holds, a restart leaves what is persistent`() async throws {
    let queue = unique("queue")
    let connection = try await connect(to: server)
    try await connection.declareQueue(queue, arguments: ["x-queue-type": "classic"])
    var sent = messages(0..<4, to: queue)
    for number in [1, 3] { sent[number].isPersistent = false }
    #expect(await connection.publish(sent) == Array(repeating: .confirmed, count: 4))
    try await server.restart()
    let next = try await connect(to: server)
    #expect(numbers(try await take(2, from: next.consume(queue, prefetch: 4))) == [0, 2])
    #expect(try await next.queueState(queue).messageCount == 0)
    try await next.deleteQueue(queue)
    await next.close()
  }

  @Test func `publishes that wait for their confirms are unknown when the connection is lost`() async throws {
    let queue = unique("queue")
    let connection = try await connect(to: server)
    try await connection.declareQueue(queue)
    _ = await connection.publish(messages([0], to: queue))
    try await server.suspend()
    async let one = connection.publish(messages(0..<10, to: queue))
    async let two = connection.publish(messages(0..<20, to: queue))
    try await eventually("all are sent") { await connection.outstandingPublishes == 30 }
    try await server.kill()
    let outcomes = await one + two
    #expect(outcomes.count == 30)
    for outcome in outcomes {
      guard case .unknown(let reason) = outcome else {
        Issue.record("\(outcome)")
        continue
      }
      #expect(reason.contains("closed the connection"))
    }
    try await server.start()
    try await expectService(queue)
  }

  @Test func `a confirm that comes too late changes nothing`() async throws {
    let queue = unique("queue")
    let connection = try await connect(to: server) { $0.confirmTimeout = .seconds(1) }
    try await connection.declareQueue(queue)
    // Nobody else's work makes this one too slow for a second: it may be repeated.
    try await eventually("the channel is open") { await connection.publish(messages([0], to: queue)) == [.confirmed] }
    let late = try await whileSuspended { await connection.publish(messages(1..<4, to: queue)) }
    #expect(
      late == Array(repeating: .unknown("RabbitMQ at 127.0.0.1:\(server.port) did not confirm within 1.0 seconds"), count: 3))
    #expect(connection.isOpen)
    try await eventually("the late ones have arrived") { try await connection.queueState(queue).messageCount >= 4 }
    try await eventually("a confirm in time") { await connection.publish(messages([4], to: queue)) == [.confirmed] }
    try await connection.deleteQueue(queue)
    await connection.close()
  }

  @Test(arguments: [false, true])
  func `a hanging broker does not hang publishes, however much they send`(tls: Bool) async throws {
    let queue = unique("queue")
    let many = try await connectImpatiently(tls: tls)
    let huge = try await connectImpatiently(tls: tls)
    try await many.declareQueue(queue)
    _ = await many.publish(messages([0], to: queue))
    _ = await huge.publish(messages([0], to: queue))
    let start = ContinuousClock.now
    try await whileSuspended {
      // More than the sockets' buffers hold: of small ones the client notices it, the huge one fills them within one C call.
      let small = RabbitMQMessage(exchange: "", routingKey: queue, body: Array(repeating: 1, count: 10_000))
      async let manyOutcomes = many.publish(Array(repeating: small, count: 4_000))
      async let hugeOutcomes = huge.publish([
        RabbitMQMessage(exchange: "", routingKey: queue, body: Array(repeating: 1, count: 50_000_000))
      ])
      let outcomes = await manyOutcomes + hugeOutcomes
      #expect(outcomes.count == 4_001)
      for outcome in outcomes {
        if case .unknown = outcome { continue }
        Issue.record("\(outcome)")
      }
      #expect(ContinuousClock.now - start < Self.bounded)
    }
    #expect(!many.isOpen)
    #expect(!huge.isOpen)
    try await expectService(queue)
  }

  @Test func `a hanging broker does not hang a take, a question, a close or a connect`() async throws {
    let queue = unique("queue")
    let taking = try await connectImpatiently()
    try await taking.declareQueue(queue)
    let consumer = try await taking.consume(queue, prefetch: 1)
    let asking = try await connectImpatiently()
    let closing = try await connectImpatiently()
    let acknowledging = try await connectImpatiently()
    let start = ContinuousClock.now
    try await whileSuspended {
      async let take = failure { _ = try await consumer.take(upTo: 1, waitingAtMost: .seconds(600)) }
      async let question = failure { _ = try await asking.queueState(queue) }
      async let close: Void = closing.close()
      async let lost = acknowledging.waitUntilClosed()
      let connecting = await failure { _ = try await connect(to: server) { $0.connectTimeout = .seconds(2) } }
      #expect(connecting?.code == .timedOut)
      await close
      #expect(await take?.code == .connectionLost)
      #expect(await question?.isRetryable == true)
      #expect(await lost?.message.contains("has been silent for 2 s") == true)
      #expect(ContinuousClock.now - start < Self.bounded)
    }
    // Closing what is lost already does not wait for anything.
    await consumer.close()
    await taking.close()
    try await expectService(queue)
  }

  @Test func `a question that is not answered in time ends the connection`() async throws {
    let connection = try await connect(to: server) { $0.rpcTimeout = .seconds(1) }
    let error = try await whileSuspended { await failure { _ = try await connection.queueState("any") } }
    #expect(error?.code == .timedOut)
    #expect(!connection.isOpen)
  }

  @Test func `an alarm of the broker blocks publishing and nothing else, until it is over`() async throws {
    let queue = unique("queue")
    let consuming = try await connect(to: server)
    try await consuming.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
    let consumer = try await consuming.consume(queue, prefetch: 100)
    let connection = try await connect(to: server) { $0.confirmTimeout = .seconds(1) }
    try await eventually("the channel is open") { await connection.publish(messages([1], to: queue)) == [.confirmed] }

    try await rabbitmqctl(server, ["set_vm_memory_high_watermark", "absolute", "1"])
    // RabbitMQ says so to those who publish; what they had sent by then is unknown.
    try await eventually("publishing is blocked") {
      await connection.publish(messages([2], to: queue)) == [.blocked(reason: "low on memory")]
    }
    let error = await failure { _ = try await connection.queueState(queue) }
    #expect(error?.code == .blocked)
    #expect(error?.message.contains("low on memory") == true)
    let taken = try await take(1, from: consumer)
    #expect(numbers(taken).first == 1)
    try await consumer.acknowledge(through: taken[0].tag)

    try await rabbitmqctl(server, ["set_vm_memory_high_watermark", "0.4"])
    try await eventually("publishing works again") { await connection.publish(messages([3], to: queue)) == [.confirmed] }
    try await consuming.deleteQueue(queue)
    await connection.close()
    await consuming.close()
  }

  @Test func `a blocked connection is closed without waiting for the broker`() async throws {
    let connection = try await connect(to: server) {
      $0.confirmTimeout = .seconds(1)
      $0.rpcTimeout = .seconds(600)
    }
    let queue = unique("queue")
    try await connection.declareQueue(queue)
    try await rabbitmqctl(server, ["set_vm_memory_high_watermark", "absolute", "1"])
    try await eventually("publishing is blocked") {
      await connection.publish(messages([2], to: queue)) == [.blocked(reason: "low on memory")]
    }
    await connection.close()
    try await rabbitmqctl(server, ["set_vm_memory_high_watermark", "0.4"])
    try await expectService(queue)
  }

  @Test func `TLS with the broker's own authority works, and heartbeats do too`() async throws {
    let connection = try await connectImpatiently(tls: true)
    let queue = unique("queue")
    try await connection.declareQueue(queue)
    let big = RabbitMQMessage(exchange: "", routingKey: queue, body: Array(repeating: 9, count: 1_000_000))
    #expect(await connection.publish([big, big]) == [.confirmed, .confirmed])
    let consumer = try await connection.consume(queue, prefetch: 10)
    #expect(try await take(2, from: consumer).map(\.body) == [big.body, big.body])
    // For longer than either side stays patient.
    #expect(try await consumer.take(upTo: 1, waitingAtMost: .seconds(4)).isEmpty)
    try await connection.deleteQueue(queue)
    await connection.close()
    #expect(await connection.waitUntilClosed() == nil)
  }

  @Test func `TLS is refused if the authority is another one, or the name is another's`() async throws {
    let configuration = try secureConfiguration
    var system = configuration
    system.tls?.authoritiesFile = nil
    #expect(await failure { _ = try await RabbitMQConnection.connect(system) }?.code == .tlsFailed)
    var stranger = configuration
    stranger.tls?.authoritiesFile = try makeAuthority()
    let error = await failure { _ = try await RabbitMQConnection.connect(stranger) }
    #expect(error?.code == .tlsFailed)
    #expect(error?.message.contains("no trusted authority signed") == true)
    // An address, even though the certificate has it too.
    var address = configuration
    address.host = "127.0.0.1"
    let mismatch = await failure { _ = try await RabbitMQConnection.connect(address) }
    #expect(mismatch?.code == .tlsFailed)
    #expect(mismatch?.message.contains("name") == true)
    var missing = configuration
    missing.tls?.authoritiesFile = "/nonexistent.pem"
    #expect(await failure { _ = try await RabbitMQConnection.connect(missing) }?.message.contains("/nonexistent.pem") == true)
    var trusting = stranger
    trusting.tls?.verifiesPeer = false
    await (try await RabbitMQConnection.connect(trusting)).close()
  }

  @Test func `the wrong one of the two ports is an error in bounded time`() async throws {
    var plain = try secureConfiguration
    plain.tls = nil
    plain.connectTimeout = .seconds(3)
    let start = ContinuousClock.now
    #expect(await failure { _ = try await RabbitMQConnection.connect(plain) } != nil)
    var secure = try secureConfiguration
    secure.port = UInt16(server.port)
    #expect(await failure { _ = try await RabbitMQConnection.connect(secure) }?.code == .tlsFailed)
    #expect(ContinuousClock.now - start < Self.bounded)
  }
}

extension RabbitMQConnection {
  fileprivate var outstandingPublishes: Int { publisher.tracker.outstanding }
}
