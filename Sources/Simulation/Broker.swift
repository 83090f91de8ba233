import Pipeline
import Ticketing

/// Quorum queues with a single active consumer each, as RabbitMQ 3.10 keeps them.
final class Broker: @unchecked Sendable {
  struct Message {
    var body: [UInt8]
    var isRedelivered = false
    var mark: String?
  }

  final class Consumer: @unchecked Sendable {
    let process: SimulatedProcess
    let partition: Int
    fileprivate(set) var isOpen = true
    fileprivate var isCancelled = false
    /// Delivered and not acknowledged, in order; those from `taken` on wait in the client.
    fileprivate var unacknowledged: [(tag: UInt64, message: Message)] = []
    fileprivate var taken = 0
    fileprivate var lastTag: UInt64 = 0
    fileprivate var wake: (() -> Void)?
    /// Its messages as the next consumer gets them.
    fileprivate var returned: [Message] {
      unacknowledged.map { Message(body: $0.message.body, isRedelivered: true, mark: $0.message.mark) }
    }

    init(process: SimulatedProcess, partition: Int) {
      self.process = process
      self.partition = partition
    }
  }

  private struct Queue {
    var ready: [Message] = []
    var consumers: [Consumer] = []
    var isRejecting = false
  }

  private let world: World
  private var queues: [Queue]
  private var fullUntil: Int64 = 0
  private var brokenUntil: Int64 = 0
  /// By partition, the commands in the order in which they arrived.
  private(set) var arrivals: [[Command]]
  private(set) var poisonous = 0
  private var lastPoison: UInt8 = 0

  init(_ world: World) {
    self.world = world
    queues = Array(repeating: Queue(), count: world.plan.partitions)
    arrivals = Array(repeating: [], count: world.plan.partitions)
  }

  var isIdle: Bool {
    queues.allSatisfy { $0.ready.isEmpty && $0.consumers.allSatisfy { $0.unacknowledged.isEmpty } }
  }

  /// Poison has no name, and is told apart by its bytes.
  func nextPoison() -> UInt8 {
    lastPoison &+= 1
    return lastPoison
  }

  func fill(for duration: Int64) { fullUntil = world.scheduler.now + duration }
  func breakTopology(for duration: Int64) { brokenUntil = world.scheduler.now + duration }

  // MARK: Publishing

  enum Receipt { case confirmed, refused, returned }

  func receive(_ commands: [QueuedCommand], _ body: [UInt8], isPoisonous: Bool, partition: Int) -> Receipt {
    if brokenUntil > world.scheduler.now { return world.defect == .publishWithoutMandatory ? .confirmed : .returned }
    let depth = queues[partition].ready.count
    // A quorum queue that has been full takes messages again at 80 %.
    if depth > world.plan.queueLimit { queues[partition].isRejecting = true }
    if depth <= world.plan.queueLimit * 8 / 10 { queues[partition].isRejecting = false }
    if queues[partition].isRejecting || fullUntil > world.scheduler.now || world.chance(world.plan.refusals) {
      guard world.defect == .dropHeadOfFullQueue else { return .refused }
      if !queues[partition].ready.isEmpty { queues[partition].ready.removeFirst() }
    }
    arrivals[partition] += commands.map(\.command)
    for command in commands { world.note("arrives", nil, about: command.command.reservation.rawValue) }
    if isPoisonous { poisonous += 1 }
    queues[partition].ready.append(Message(body: body))
    pump(partition)
    return .confirmed
  }

  /// False if the queue can't be reached or is full.
  func receive(mark: String, partition: Int) -> Bool {
    if max(brokenUntil, fullUntil) > world.scheduler.now { return false }
    queues[partition].ready.append(Message(body: CommandMessage.encode([]), mark: mark))
    pump(partition)
    return true
  }

  // MARK: Consuming

  func subscribe(_ process: SimulatedProcess, partition: Int) -> Consumer {
    let consumer = Consumer(process: process, partition: partition)
    queues[partition].consumers.append(consumer)
    world.whenDead(process) { [unowned self] in close(consumer) }
    pump(partition)
    return consumer
  }

  /// Gives the active consumer what its prefetch allows.
  private func pump(_ partition: Int) {
    guard let active = queues[partition].consumers.first(where: { !$0.isCancelled }) else { return }
    while active.unacknowledged.count < world.plan.prefetch, !queues[partition].ready.isEmpty {
      active.lastTag += 1
      active.unacknowledged.append((active.lastTag, queues[partition].ready.removeFirst()))
    }
    if active.taken < active.unacknowledged.count { active.wake?() }
  }

  func take(_ limit: Int, of consumer: Consumer, waitingAtMost patience: Int64) async throws(QueueUnavailable) -> [Delivery] {
    if consumer.isOpen && consumer.taken == consumer.unacknowledged.count {
      await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        let timer = world.scheduler.at(world.scheduler.now + patience) {
          consumer.wake = nil
          continuation.resume()
        }
        consumer.wake = { [world] in world.scheduler.fire(timer) }
      }
    }
    await world.scheduler.wait(100)
    while consumer.process.isAlive && consumer.process.pausedUntil > world.scheduler.now {
      await world.scheduler.wait(consumer.process.pausedUntil - world.scheduler.now)
    }
    // What the client had received before the connection broke is still given out by it now and then, and may be decided; its
    // acknowledgement fails.
    guard consumer.isOpen else { throw QueueUnavailable("the connection is closed") }
    let taken = consumer.unacknowledged[consumer.taken...].prefix(limit)
    consumer.taken += taken.count
    if !taken.isEmpty { world.note("takes", consumer.process, Int64(consumer.partition), Int64(taken.count)) }
    return taken.map { (tag, message) in
      Delivery(tag: tag, redelivered: message.isRedelivered, body: message.body, mark: message.mark)
    }
  }

  /// False if the channel is closed.
  func acknowledge(through tag: UInt64, of consumer: Consumer, tooFar: Bool = false) -> Bool {
    guard consumer.isOpen else { return false }
    world.note("acknowledges", consumer.process, Int64(consumer.partition), Int64(tag))
    let done = consumer.unacknowledged.prefix { tooFar || $0.tag <= tag }.count
    if tooFar {
      // The client gives out what it has, and the broker has forgotten it.
      consumer.unacknowledged.removeFirst(done)
      consumer.taken = 0
    } else {
      consumer.unacknowledged.removeFirst(done)
      consumer.taken -= min(consumer.taken, done)
    }
    pump(consumer.partition)
    return true
  }

  /// Closes its channel: what is not acknowledged goes back to the head of the queue, in its order.
  func close(_ consumer: Consumer) {
    if !consumer.isOpen { return }
    consumer.isOpen = false
    let partition = consumer.partition
    world.note("channel closed", consumer.process, Int64(partition), Int64(consumer.unacknowledged.count))
    let returned = consumer.returned
    consumer.unacknowledged = []
    queues[partition].ready.insert(contentsOf: returned, at: 0)
    queues[partition].consumers.removeAll { $0 === consumer }
    consumer.wake?()
    pump(partition)
  }

  /// The next consumer becomes active while this one still has messages.
  func cancel(_ consumer: Consumer) {
    consumer.isCancelled = true
    pump(consumer.partition)
  }

  /// Requeues with a nack what is not acknowledged: a quorum queue puts it at its end.
  func requeue(_ consumer: Consumer) {
    let returned = consumer.returned
    consumer.unacknowledged = []
    consumer.taken = 0
    queues[consumer.partition].ready += returned
  }

  func cutConnections(of process: SimulatedProcess, partition: Int? = nil) {
    for queue in partition.map({ [queues[$0]] }) ?? queues {
      for consumer in queue.consumers where consumer.process === process { close(consumer) }
    }
  }

  func cutAllConnections() {
    for queue in queues { for consumer in queue.consumers { close(consumer) } }
  }
}
