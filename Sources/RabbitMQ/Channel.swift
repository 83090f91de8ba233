/// One of a connection's channels. Belongs to the connection's actor.
final class Channel {
  enum Role {
    /// Channel 0, which carries what concerns the whole connection.
    case control
    case requests
    case publisher
    case consumer(Subscription)
  }

  /// A request whose answer has not come. AMQP allows one at a time on a channel.
  struct PendingRequest {
    var request: Request
    var deadline: ContinuousClock.Instant
    var continuation: CheckedContinuation<Result<QueueState?, RabbitMQError>, Never>
    /// Not while it waits for room in the socket.
    var isSent = false
  }

  let number: UInt16
  let role: Role
  var request: PendingRequest?
  /// The delivery or return whose header and body are still arriving.
  var content: IncomingContent?
  /// Why the broker closed it, if it did.
  var failure: RabbitMQError?

  init(number: UInt16, role: Role) {
    self.number = number
    self.role = role
  }

  var subscription: Subscription? {
    if case .consumer(let subscription) = role { subscription } else { nil }
  }

  /// Ends the request that waits, if any.
  func answer(_ result: Result<QueueState?, RabbitMQError>) {
    request?.continuation.resume(returning: result)
    request = nil
  }
}

/// A message on its way in: a method, then a header, then the body in frames.
struct IncomingContent {
  enum Kind {
    case delivery(tag: UInt64, redelivered: Bool)
    case returned(code: Int, text: String, exchange: String, routingKey: String)
  }

  let kind: Kind
  var header: ContentHeader?
  var body: [UInt8] = []

  init(_ kind: Kind) {
    self.kind = kind
  }

  /// The header, once the body is there too.
  var completeHeader: ContentHeader? { header.flatMap { body.count >= $0.bodySize ? $0 : nil } }

  mutating func append(_ part: [UInt8]) {
    // Mostly the only part, which needs no copy.
    if body.isEmpty { body = part } else { body += part }
  }
}

/// A consumer's deliveries and those who wait for them.
final class Subscription {
  struct Waiter {
    var id: UInt64
    var limit: Int
    var deadline: ContinuousClock.Instant
    var continuation: CheckedContinuation<Result<[RabbitMQDelivery], RabbitMQError>, Never>
  }

  /// Arrived and not taken, in order. The prefetch bounds it.
  private(set) var deliveries: [RabbitMQDelivery] = []
  private(set) var waiters: [Waiter] = []
  /// Why nothing more comes.
  private(set) var failure: RabbitMQError?
  private(set) var lastTaken: UInt64 = 0
  var lastAcknowledged: UInt64 = 0

  func add(_ delivery: RabbitMQDelivery) {
    if loss == nil { deliveries.append(delivery) }
  }

  func take(upTo limit: Int) -> [RabbitMQDelivery] {
    guard deliveries.count > limit else {
      defer { deliveries = [] }
      lastTaken = deliveries.last?.tag ?? lastTaken
      return deliveries
    }
    let taken = Array(deliveries.prefix(limit))
    deliveries.removeFirst(limit)
    lastTaken = taken.last?.tag ?? lastTaken
    return taken
  }

  func wait(_ waiter: Waiter) { waiters.append(waiter) }

  /// Gives the waiters what is there.
  func wake() {
    while !waiters.isEmpty, !deliveries.isEmpty {
      let waiter = waiters.removeFirst()
      waiter.continuation.resume(returning: .success(take(upTo: waiter.limit)))
    }
  }

  /// Ends the waits for which this holds, with nothing.
  func stopWaiting(where isOver: (Waiter) -> Bool) {
    let over = waiters.filter(isOver)
    waiters.removeAll(where: isOver)
    for waiter in over { waiter.continuation.resume(returning: .success([])) }
  }

  /// Why nothing can be acknowledged any more, so that nothing is to be taken either: the broker gives it to somebody else.
  ///
  /// After a cancellation it still can. What has arrived of a deleted queue is nowhere else any more.
  var loss: RabbitMQError? { failure.flatMap { $0.code == .consumerCancelled ? nil : $0 } }

  /// The first reason stays, unless it left something to be taken.
  func fail(_ error: RabbitMQError) {
    guard loss == nil else { return }
    failure = error
    if loss == nil { wake() } else { deliveries = [] }
    for waiter in waiters { waiter.continuation.resume(returning: .failure(error)) }
    waiters = []
  }
}
