/// The gateway's side of the queue.
public protocol CommandPublisher: Sendable {
  /// Queues commands by their partitions; each partition's in their order, all or none. Gives the outcome of each partition.
  func publish(_ commands: [Int: [QueuedCommand]]) async -> [Int: PublishOutcome]
  /// Why the broker takes no messages now; nil if it does.
  func obstacle() async -> String?
}

/// Queues messages as they are: what was set aside may be bytes that nobody can read.
public protocol MessagePublisher: Sendable {
  func publish(message: [UInt8], to partition: Int) async -> PublishOutcome
}

/// What became of commands that were to be queued.
public enum PublishOutcome: Hashable, Sendable {
  /// The broker holds them durably.
  case queued
  /// The broker has not taken them and never will: its queue is full, or it has raised an alarm.
  case refused
  /// They were not sent, or could not be routed: the broker is away or its topology is broken. They are not queued.
  case unavailable
  /// There is no answer; they may or may not be queued.
  case unknown
}

/// The workers' side of the queue.
public protocol CommandQueue: Sendable {
  /// Whether this process reaches the broker. Connects to it if it is not connected, and does not wait for that.
  var isReachable: Bool { get async }
  /// Subscribes to a partition. While several workers are subscribed to one, only one of them is given messages.
  /// - Throws: ``QueueUnavailable`` while the broker is away. The caller tries again.
  func subscribe(to partition: Int) async throws(QueueUnavailable) -> any CommandSubscription
  /// Puts a mark behind all that waits in a partition's queue. Whoever it is delivered to has been delivered all of that before.
  /// - Throws: ``QueueUnavailable`` unless it is certain that it was put there.
  func mark(_ partition: Int, as name: String) async throws(QueueUnavailable)
}

/// A worker's hold on one partition's queue.
public protocol CommandSubscription: Sendable {
  /// Up to `limit` messages in the queue's order; waits for the first for at most the time given, and gives none if there is none.
  /// - Throws: ``QueueUnavailable`` once the subscription is gone: what was not acknowledged is delivered again, to whoever has
  ///   the partition then.
  func take(_ limit: Int, waitingAtMost: Duration) async throws(QueueUnavailable) -> [Delivery]
  /// Everything taken up to this tag is done with.
  func acknowledge(through tag: UInt64) async throws(QueueUnavailable)
  /// Gives the partition up. What is not acknowledged goes, in its order, to whoever is subscribed next.
  func close() async
}

/// The broker can't be reached, or has ended the subscription.
public struct QueueUnavailable: Error, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A message as the worker gets it.
public struct Delivery: Sendable {
  /// What ``CommandSubscription/acknowledge(through:)`` takes. Grows with each delivery.
  public var tag: UInt64
  /// The message may have been delivered to somebody before, who may have decided it.
  public var redelivered: Bool
  public var body: [UInt8]
  /// The name of a mark, which is a message without commands.
  public var mark: String?

  public init(tag: UInt64, redelivered: Bool, body: [UInt8], mark: String? = nil) {
    self.tag = tag
    self.redelivered = redelivered
    self.body = body
    self.mark = mark
  }
}
