import BackendsTestSupport
import Glibc
import Pipeline
import PostgreSQL
import RabbitMQ
import Redis
import TestSupport
import TicketHubTestSupport

/// A TicketHub during a sale, to which things happen.
struct Site: Sendable {
  let hub: TicketHub
  let crew: Crew
  let traffic: Traffic

  /// Lets a fault happen, for so long, and makes whole what it broke.
  func suffer(_ fault: Fault, for time: Duration, _ generator: inout SeededGenerator) async throws {
    switch fault {
    case .killWorker: try await replaceWorker(after: time) { await $0.kill() }
    case .endWorker: try await replaceWorker(after: .zero) { _ = await $0.terminate() }
    case .suspendWorker: try await suspendWorker(for: time)
    case .killGateway: try await replaceGateway(.random(in: 0...1, using: &generator), after: time) { await $0.kill() }
    case .endGateway: try await replaceGateway(.random(in: 0...1, using: &generator), after: .zero) { _ = await $0.terminate() }
    case .suspendGateway: try await suspendGateway(.random(in: 0...1, using: &generator), for: time)
    case .crash(let place): try await pass(place, action: "crash", passes: .random(in: 1...20, using: &generator), time)
    case .hang(let place): try await pass(place, action: "stop", passes: .random(in: 1...20, using: &generator), time)
    case .scaleWorkers:
      for number in [1, 4, 2, 6, 1, 2] {
        try await crew.scale(to: number)
        try await Task.sleep(for: time / 6)
      }
    case .kill(let kind): try await interrupt(kind, for: time) { try await $0.kill() }
    case .restart(let kind): try await server(kind).restart()
    case .suspend(let kind):
      try await server(kind).suspend()
      // A rest of the time that a test was given must not keep a server suspended.
      try? await Task.sleep(for: time)
      try server(kind).resume()
    case .stall(let link): try await disturb(link, .stall, for: time)
    case .swallowReplies(let link): try await disturb(link, .swallowReplies, for: time)
    case .cut(let link): proxy(link).cut()
    case .emptyView: try await emptyView()
    case .endDatabaseSessions: try await endDatabaseSessions()
    case .memoryAlarm: try await alarm("set_vm_memory_high_watermark", on: "1", off: "4GB", for: time)
    case .diskAlarm: try await alarm("set_disk_free_limit", on: "100000GB", off: "50MB", for: time)
    case .fullQueues: try await fillQueues(for: time)
    case .deleteBindings:
      try await onBroker { broker in
        for partition in partitions { try await broker.unbindQueue(queue(partition), from: exchange, routingKey: "\(partition)") }
      }
    case .deleteQueue: try await deleteQueue(.random(in: partitions, using: &generator))
    case .restartEverything: try await restartEverything()
    }
  }

  // MARK: Processes

  private func replaceWorker(after time: Duration, _ end: (TicketHubProcess) async -> Void) async throws {
    guard let worker = crew.take() else { return }
    await end(worker)
    try? await Task.sleep(for: time)
    try crew.add()
  }

  private func suspendWorker(for time: Duration) async throws {
    guard let worker = crew.take() else { return }
    kill(worker.pid, SIGSTOP)
    try? await Task.sleep(for: time)
    kill(worker.pid, SIGCONT)
    try crew.add(worker)
  }

  private func replaceGateway(_ index: Int, after time: Duration, _ end: (TicketHubProcess) async -> Void) async throws {
    if let process = hub.process(ofGateway: index) { await end(process) }
    try? await Task.sleep(for: time)
    try hub.startGateway(index)
  }

  private func suspendGateway(_ index: Int, for time: Duration) async throws {
    guard let process = hub.process(ofGateway: index) else { return }
    kill(process.pid, SIGSTOP)
    try? await Task.sleep(for: time)
    kill(process.pid, SIGCONT)
  }

  /// Has a process come to a place of its code and die or hang there, a little later than it is started.
  private func pass(_ place: Failpoint, action: String, passes: Int, _ time: Duration) async throws {
    let settings = ["TICKETHUB_FAILPOINTS": "\(place.rawValue)=\(action):\(passes)"]
    if place == .beforeAnswer {
      _ = await hub.process(ofGateway: 1)?.terminate()
      let process = try hub.startGateway(1, settings)
      try? await Task.sleep(for: time)
      await process.kill()
      try hub.startGateway(1)
    } else {
      let process = try hub.launchWorker(settings)
      try? await Task.sleep(for: time)
      // It goes on where it hung, as a zombie whose partitions have another owner by now, and then leaves. It may hang only now.
      async let end = process.terminate()
      while process.isRunning {
        kill(process.pid, SIGCONT)
        try? await Task.sleep(for: .milliseconds(100))
      }
      _ = await end
    }
  }

  private func restartEverything() async throws {
    for _ in 0..<crew.count { try await replaceWorker(after: .zero) { _ = await $0.terminate() } }
    for index in hub.gateways.indices { try await replaceGateway(index, after: .zero) { _ = await $0.terminate() } }
    for server in [hub.redis, hub.rabbitmq, hub.postgres] { try await server.restart() }
  }

  // MARK: Servers and links

  private func server(_ kind: TestServer.Kind) -> TestServer {
    switch kind {
    case .postgres: hub.postgres
    case .rabbitmq: hub.rabbitmq
    case .redis: hub.redis
    }
  }

  private func interrupt(_ kind: TestServer.Kind, for time: Duration, _ end: (TestServer) async throws -> Void) async throws {
    try await end(server(kind))
    try? await Task.sleep(for: time)
    try await server(kind).start()
  }

  private func proxy(_ link: TicketHub.Link) -> StallingProxy {
    guard let proxy = hub.links[link] else { preconditionFailure("the hub has no proxy on \(link)") }
    return proxy
  }

  private func disturb(_ link: TicketHub.Link, _ behaviour: StallingProxy.Behaviour, for time: Duration) async throws {
    proxy(link).behave(behaviour)
    try? await Task.sleep(for: time)
    proxy(link).behave(.forward)
  }

  private func emptyView() async throws {
    let redis = RedisClient.make(try redisConfiguration(of: hub.redis))
    _ = try await redis.command("FLUSHALL")
    await redis.close()
  }

  private func endDatabaseSessions() async throws {
    let pool = try testPool(hub.postgres.url, size: 1)
    try await pool.execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
    await pool.close()
  }

  // MARK: The broker

  private let partitions = 0..<Partitioning.defaultCount
  private let exchange = "tickethub.commands.p\(Partitioning.defaultCount)"

  init(hub: TicketHub, crew: Crew, traffic: Traffic) { (self.hub, self.crew, self.traffic) = (hub, crew, traffic) }

  private func queue(_ partition: Int) -> String { "\(exchange).\(partition)" }

  private func onBroker(_ body: (RabbitMQConnection) async throws -> Void) async throws {
    let broker = try await RabbitMQConnection.connect(RabbitMQConfiguration(url: hub.rabbitmq.url))
    do {
      try await body(broker)
      await broker.close()
    } catch {
      await broker.close()
      throw error
    }
  }

  private func alarm(_ setting: String, on: String, off: String, for time: Duration) async throws {
    let isMemory = setting.contains("memory")
    if isMemory {
      try await hub.rabbitmq.rabbitmqctl(setting, "absolute", on)
    } else {
      try await hub.rabbitmq.rabbitmqctl(setting, on)
    }
    try? await Task.sleep(for: time)
    if isMemory {
      try await hub.rabbitmq.rabbitmqctl(setting, "absolute", off)
    } else {
      try await hub.rabbitmq.rabbitmqctl(setting, off)
    }
  }

  /// Lowers the limit of the queues, and keeps the workers from emptying them.
  private func fillQueues(for time: Duration) async throws {
    try await hub.rabbitmq.rabbitmqctl("set_policy", "--apply-to", "queues", "low", "^tickethub", #"{"max-length": 3}"#)
    var idle: [TicketHubProcess] = []
    while let worker = crew.take() { idle.append(worker) }
    for worker in idle { kill(worker.pid, SIGSTOP) }
    try? await Task.sleep(for: time)
    for worker in idle {
      kill(worker.pid, SIGCONT)
      try crew.add(worker)
    }
    try await hub.rabbitmq.rabbitmqctl("clear_policy", "low")
  }

  /// While it is empty, and nobody writes to it. What workers hold unacknowledged is not in it, and would be gone with it: they end, and
  /// it is counted again.
  private func deleteQueue(_ partition: Int) async throws {
    try await traffic.pause()
    defer { traffic.resume() }
    let workers = max(1, crew.count)
    try await onBroker { broker in
      func isEmpty() async throws -> Bool { try await broker.queueState(queue(partition)).messageCount == 0 }
      try await eventually(within: .seconds(120), "an empty queue") {
        guard crew.isComplete, try await isEmpty() else { return false }
        try await crew.scale(to: 0)
        // Where nobody is left, none can be taken any more.
        if crew.isComplete, try await isEmpty() { return true }
        try await crew.scale(to: workers)
        return false
      }
      try await broker.deleteQueue(queue(partition))
    }
    try await crew.scale(to: workers)
  }
}
