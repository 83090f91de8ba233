public import BlockingThread
public import Logging

/// What a subscription tells. Redis delivers at most once and repeats nothing, so messages are hints: after `.subscribed` and
/// `.missed` look at the data itself.
public enum RedisSubscriptionEvent: Sendable, Equatable {
  /// The subscription stands, for the first time or again: what was published before may have been missed.
  case subscribed
  case message(channel: String, payload: [UInt8])
  /// The connection broke or could not be made. It is tried again; the next is `.subscribed`.
  case lost(RedisError)
  /// The consumer was too slow, and events before this one were dropped; they can have been of any kind.
  case missed
}

/// A subscription to channels, on a connection and a thread of its own.
///
/// It begins at once and reconnects by itself, after 50 ms to 5 s. A server that is silent for ``heartbeat`` is asked for a sign
/// of life and given up after the command timeout. It lasts until ``close()``, until nobody holds it, or until an event comes
/// after the task that iterates ``events`` was cancelled.
public actor RedisSubscription {
  /// How many events wait for the consumer. More drop the oldest and add a ``RedisSubscriptionEvent/missed``.
  public static let bufferedEvents = 4096
  /// The silence after which the server is sent a `PING`.
  public static let heartbeat = Duration.seconds(2)

  /// What happened, in order. For one consumer.
  public nonisolated var events: AsyncStream<RedisSubscriptionEvent> { stream }

  private let configuration: RedisConfiguration
  private let channels: [String]
  private let logger: Logger?
  private let thread: BlockingThread
  /// The subscription's own thread: to take the events there costs no switch of threads. What is done with them must be short.
  public nonisolated let taskThread: TaskThread
  private nonisolated let stream: AsyncStream<RedisSubscriptionEvent>
  private var buffer = EventBuffer(capacity: bufferedEvents)
  private var connection: Connection?
  private var liveness: Liveness
  private var backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))
  private var isLost = false
  private var isClosed = false

  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  /// Subscribes to `channels`, of which there must be one at least.
  // Not a public initializer: Swift 6.3.1's optimizer fails ("circular reference") in a module that makes and lets go of an actor
  // with an isolated deinit that another module defines.
  @inline(never)
  public static func start(_ configuration: RedisConfiguration, channels: [String], logger: Logger? = nil) -> RedisSubscription {
    RedisSubscription(configuration, channels: channels, logger: logger)
  }

  init(_ configuration: RedisConfiguration, channels: [String], logger: Logger?) {
    precondition(!channels.isEmpty, "a subscription without channels would never end or deliver anything")
    self.configuration = configuration
    self.channels = channels
    self.logger = logger
    thread = BlockingThread(name: configuration.clientName ?? "redis events")
    taskThread = TaskThread(sharing: thread)
    stream = buffer.events
    liveness = Liveness(interval: Self.heartbeat, patience: configuration.commandTimeout, at: .now)
    // Only takes the first step to the thread, where all the others happen.
    Task { [weak self] in await self?.connect() }
  }

  isolated deinit {
    buffer.finish()
    thread.finish()
  }

  /// Unsubscribes and ends ``events`` after what is buffered. Waits for an attempt to connect that is under way.
  public func close() {
    isClosed = true
    connection = nil
    thread.unwatch()
    buffer.finish()
  }

  private func connect() {
    if isClosed { return }
    do throws(RedisError) {
      let connection = try Connection(configuration)
      try subscribe(connection)
      self.connection = connection
      liveness.heard(at: .now)
      backoff.reset()
      isLost = false
      logger?.info("subscribed to Redis", metadata: ["redis": "\(configuration.address)"])
      deliver([.subscribed])
      // Not at the next wake-up: bytes that hiredis already holds do not make the descriptor readable.
      try advance(connection)
    } catch {
      reconnect(after: error)
    }
  }

  /// Waits until every channel is confirmed. The confirmations come together, before any message: it is one command.
  private func subscribe(_ connection: Connection) throws(RedisError) {
    var pipeline = RedisPipeline()
    pipeline.append("SUBSCRIBE", arguments: channels.map { .string($0) })
    let deadline = ContinuousClock.now + configuration.commandTimeout
    try connection.send(pipeline, by: deadline)
    for _ in channels {
      guard case .confirmation = try push(connection.reply(by: deadline)) else { throw unexpected }
    }
  }

  /// Takes what has come, looks whether the server is alive, and says when to be called again.
  private func advance(_ connection: Connection) throws(RedisError) {
    if try connection.receive() { liveness.heard(at: .now) }
    var messages: [RedisSubscriptionEvent] = []
    while let reply = try connection.parsedReply() {
      if case .message(let message) = try push(reply) { messages.append(message) }
    }
    deliver(messages)
    if isClosed { return }
    switch liveness.next(at: .now) {
    case .wait(let pause): watch(connection.fileDescriptor, every: pause) { $0.wakeUp() }
    case .ask:
      var pipeline = RedisPipeline()
      pipeline.append("PING")
      try connection.send(pipeline, by: .now + configuration.commandTimeout)
      watch(connection.fileDescriptor, every: liveness.patience) { $0.wakeUp() }
    case .giveUp:
      throw RedisError(
        .timedOut,
        "Redis at \(configuration.address) gave no sign of life in \(liveness.patience); is it overloaded, stopped or cut off?"
      )
    }
  }

  private func wakeUp() {
    guard let connection else { return }
    do throws(RedisError) { try advance(connection) } catch { reconnect(after: error) }
  }

  private func reconnect(after error: RedisError) {
    connection = nil
    // The first failure is news; the attempts that follow while the server is away are not.
    logger?.log(
      level: isLost ? .debug : .warning, "lost the subscription to Redis",
      metadata: ["redis": "\(configuration.address)", "error": "\(error)"])
    if !isLost { deliver([.lost(error)]) }
    isLost = true
    if isClosed { return }
    // No descriptor: a timer.
    watch(-1, every: backoff.pause(random: .random(in: 0..<1))) { $0.connect() }
  }

  private func deliver(_ events: [RedisSubscriptionEvent]) {
    for event in events where !buffer.append(event) { return close() }
  }

  /// Weak: the thread must not keep alive whoever owns it.
  private func watch(
    _ fileDescriptor: CInt, every interval: Duration, _ step: @escaping @Sendable (isolated RedisSubscription) -> Void
  ) {
    thread.watch(fileDescriptor, every: interval) { [weak self] in self?.assumeIsolated { step($0) } }
  }

  private enum Push {
    case confirmation
    case message(RedisSubscriptionEvent)
    case pong
  }

  /// What a subscribed connection may be sent: https://redis.io/docs/latest/develop/pubsub/#format-of-pushed-messages
  private func push(_ reply: RedisReply) throws(RedisError) -> Push {
    let elements = reply.array ?? []
    switch elements.first?.string {
    case "message" where elements.count == 3:
      guard let channel = elements[1].string, let payload = elements[2].bytes else { break }
      return .message(.message(channel: channel, payload: payload))
    case "subscribe": return .confirmation
    case "pong": return .pong
    default: break
    }
    if let text = reply.error { throw RedisError.server(text, to: "SUBSCRIBE", at: configuration.address) }
    throw unexpected
  }

  private var unexpected: RedisError {
    RedisError(.unexpectedReply, "Redis at \(configuration.address) sent a subscriber something else than messages")
  }
}
