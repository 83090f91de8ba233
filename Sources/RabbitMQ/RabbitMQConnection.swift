import BlockingThread
import Synchronization

/// A connection to one broker.
///
/// It has a thread of its own, on which the C library runs; the same thread reads what arrives and keeps the heartbeats going
/// between the calls, so that nobody has to call for the connection to stay alive. Calls from any number of tasks may be under
/// way at once.
///
/// A connection that is lost stays lost: every call then throws, and the user connects again, after a ``Backoff``. Everything
/// that waits for the broker has a limit, set in the ``RabbitMQConfiguration``, so nothing waits longer than that for a broker
/// that hangs. A write that the broker does not take within two heartbeats ends the connection.
///
/// When the broker runs out of memory or disk it stops reading from connections that publish, acknowledgements included. So
/// publish on one connection and consume on another.
public actor RabbitMQConnection {
  nonisolated let configuration: RabbitMQConfiguration
  private let thread = BlockingThread(name: "rabbitmq")
  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
  private nonisolated let openFlag = Atomic(false)

  /// Nil before it is connected and once it is lost or closed.
  private(set) var wire: Wire?
  private var leash: Leash?
  /// Why it is lost.
  private var failure: RabbitMQError?
  private(set) var isClosing = false
  private var closeWaiters: [UInt64: CheckedContinuation<RabbitMQError?, Never>] = [:]
  private var nextWaiter: UInt64 = 0
  /// When the thread looks after the connection next.
  private var nextVisit = ContinuousClock.now

  /// Those in use, by number.
  var channels: [UInt16: Channel] = [:]
  /// Consumers for which something arrived since their waiters were last looked at.
  var awakened: [Subscription] = []
  /// Why the broker reads nothing from this connection, while it does not.
  var blockedReason: String?
  var publisher = Publisher()

  private init(_ configuration: RabbitMQConfiguration) {
    self.configuration = configuration
  }

  isolated deinit {
    leash?.release()
    thread.finish()
  }

  /// Connects and logs in.
  ///
  /// - Throws: within `connectTimeout`; `connectFailed`, `timedOut`, `tlsFailed`, `authenticationFailed`, or `accessRefused` or
  ///   `notFound` for the virtual host.
  public static func connect(_ configuration: RabbitMQConfiguration) async throws(RabbitMQError) -> RabbitMQConnection {
    let connection = RabbitMQConnection(configuration)
    try await connection.open()
    return connection
  }

  private func open() async throws(RabbitMQError) {
    let wire = try Wire(connecting: configuration)
    guard let leash = Leash(socket: wire.fileDescriptor, limit: .seconds(2 * Int(configuration.heartbeatSeconds))) else {
      throw wire.error(.connectFailed, "was reached, but this process has no file descriptor left")
    }
    await Watchdog.shared.watch(leash)
    self.wire = wire
    self.leash = leash
    channels[0] = Channel(number: 0, role: .control)
    openFlag.store(true, ordering: .releasing)
    planVisit()
  }

  /// Whether the connection is, as far as is known, in working order.
  public nonisolated var isOpen: Bool { openFlag.load(ordering: .acquiring) }

  /// The alarm for which the broker reads nothing from this connection now; nil if there is none. It tells connections that have
  /// published.
  public var alarm: String? { blockedReason }

  /// Waits for the end of the connection: gives why it was lost, or nil after ``close()`` and when the waiting task is cancelled.
  public func waitUntilClosed() async -> RabbitMQError? {
    guard wire != nil else { return failure?.code == .closed ? nil : failure }
    let id = newWaiter()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { closeWaiters[id] = $0 }
    } onCancel: {
      Task { await self.endWaitForClose(id) }
    }
  }

  private func endWaitForClose(_ id: UInt64) { closeWaiters.removeValue(forKey: id)?.resume(returning: nil) }

  /// Closes the connection in an orderly way: what has been sent is still processed, unacknowledged deliveries go back in order,
  /// publishes without a confirm become unknown. Returns within `rpcTimeout`, whatever the broker does.
  public func close() async {
    guard wire != nil, let control = channels[0] else { return }
    guard !isClosing else {
      _ = await waitUntilClosed()
      return
    }
    isClosing = true
    openFlag.store(false, ordering: .releasing)
    let closed = closedByUser
    for channel in channels.values { channel.subscription?.fail(closed) }
    // A blocked broker would not read it. The result does not matter, the connection ends in any case.
    if blockedReason == nil { _ = try? await call(.closeConnection, on: control) }
    lose(closed)
  }

  var closedByUser: RabbitMQError {
    RabbitMQError(code: .closed, message: "the connection to RabbitMQ at \(configuration.endpoint) was closed by this side")
  }

  /// For messages.
  var broker: String { "RabbitMQ at \(configuration.endpoint)" }

  func newWaiter() -> UInt64 {
    nextWaiter += 1
    return nextWaiter
  }

  // MARK: The wire

  /// The wire, while it can be used.
  func requireWire() throws(RabbitMQError) -> Wire {
    guard let wire else { throw failure ?? closedByUser }
    return wire
  }

  /// Does something that writes on the channel, once the socket has room for it.
  ///
  /// - Throws: why the channel is closed, in which case nothing was written; what was thrown inside, or why there is no room: the
  ///   connection is lost then.
  func transmit(on channel: Channel, _ write: (Wire) throws(RabbitMQError) -> Void) throws(RabbitMQError) {
    let hasRoom = try waitForRoom(until: .now + configuration.rpcTimeout) { channels[channel.number] !== channel }
    // The broker ends the whole connection for what is said on a channel after both sides have closed it.
    guard channels[channel.number] === channel else {
      throw channel.failure ?? RabbitMQError(code: .closed, message: "the channel to \(broker) was closed by this side")
    }
    guard hasRoom else {
      let error = RabbitMQError(code: .timedOut, message: "\(broker) read nothing for \(configuration.rpcTimeout)")
      lose(error)
      throw error
    }
    try guarded(write)
  }

  /// Reads what has arrived, then waits until the socket takes more. Anything may have happened meanwhile, except that the wire
  /// is lost. False if the time is over or the caller does not want to wait any longer.
  func waitForRoom(until deadline: ContinuousClock.Instant, unless isPointless: () -> Bool) throws(RabbitMQError) -> Bool {
    repeat {
      drain()
      let wire = try requireWire()
      if isPointless() { return false }
      // Short, because heartbeats have to be served meanwhile.
      if wire.waitUntilWritable(atMost: .milliseconds(200)) { return true }
    } while .now < deadline
    return false
  }

  /// Calls the library under the watchdog's eye. A failure loses the connection.
  func guarded(_ call: (Wire) throws(RabbitMQError) -> Void) throws(RabbitMQError) {
    let wire = try requireWire()
    leash?.arm()
    defer { leash?.disarm() }
    do throws(RabbitMQError) { try call(wire) } catch {
      lose(error)
      throw failure ?? error
    }
  }

  /// Reads and handles everything that has arrived, and sends a heartbeat if one is due.
  func drain() {
    guard wire != nil else { return }
    // The loss is the result.
    try? guarded { wire throws(RabbitMQError) in
      while let (frame, number) = try wire.receive() { try handle(frame, on: number, wire) }
    }
    for subscription in awakened { subscription.wake() }
    awakened.removeAll(keepingCapacity: true)
  }

  /// The end of the connection: everybody who waits is told.
  func lose(_ error: RabbitMQError) {
    guard wire != nil else { return }
    let wasPulled = leash?.wasPulled ?? false
    let reason =
      wasPulled
      ? RabbitMQError(code: .timedOut, message: "\(broker) reads nothing any more; is it stopped or overloaded?") : error
    failure = reason
    openFlag.store(false, ordering: .releasing)
    thread.unwatch()
    leash?.release()
    leash = nil
    wire = nil
    blockedReason = nil
    for channel in channels.values {
      channel.answer(.failure(reason))
      channel.subscription?.fail(reason)
    }
    channels = [:]
    abandonPublishes(reason.message)
    for waiter in closeWaiters.values { waiter.resume(returning: reason.code == .closed ? nil : reason) }
    closeWaiters = [:]
  }

  // MARK: Time

  /// Has the thread look after the connection at `deadline` at the latest.
  func visit(by deadline: ContinuousClock.Instant) {
    if deadline < nextVisit { planVisit(at: deadline) }
  }

  /// What the thread does between the calls.
  private func visit() {
    drain()
    let now = ContinuousClock.now
    if let overdue = channels.values.lazy.compactMap(\.request).first(where: { $0.deadline <= now }) {
      // Nobody can tell what the broker has done or will do, for instance whether it still holds a consumer's deliveries.
      // The end of the connection decides it.
      let subject = overdue.request.subject.map { ", asked about \($0)" } ?? ""
      lose(RabbitMQError(code: .timedOut, message: "\(broker) did not answer within \(configuration.rpcTimeout)\(subject)"))
    }
    for channel in channels.values { channel.subscription?.stopWaiting { $0.deadline <= now } }
    expirePublishes(at: now)
    planVisit()
  }

  private func planVisit() {
    guard wire != nil else { return }
    // Often enough for a heartbeat never to be late by more than a quarter of its interval.
    var next = ContinuousClock.now + .seconds(Int(configuration.heartbeatSeconds)) / 4
    if let deadline = publisher.tracker.nextDeadline { next = min(next, deadline) }
    // It is asked for with each frame that comes, so it makes no lists.
    for channel in channels.values {
      if let request = channel.request { next = min(next, request.deadline) }
      guard let subscription = channel.subscription else { continue }
      for waiter in subscription.waiters { next = min(next, waiter.deadline) }
    }
    planVisit(at: next)
  }

  private func planVisit(at instant: ContinuousClock.Instant) {
    guard let wire else { return }
    nextVisit = instant
    // Weak, since the actor owns the thread.
    thread.watch(wire.fileDescriptor, every: max(.zero, ContinuousClock.now.duration(to: instant))) { [weak self] in
      guard let self else { return }
      assumeIsolated { $0.visit() }
    }
  }
}
