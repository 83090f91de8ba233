import NIOCore

/// Asks for each accepted reservation until it is decided: the oldest first, because they are decided in order.
///
/// Only as many are under attention as there are connections. An answer "queued" means that nothing younger is decided either,
/// so the others need not be asked meanwhile; that keeps thousands of waiting reservations cheap.
final class Follower {
  private let plan: LoadPlan
  private let eventLoop: any EventLoop
  private let ledger: Ledger
  private let request: ReservationRequest
  private let all: [Connection]

  private var idle: [Connection]
  /// Never asked for, the oldest first.
  private var fresh = CircularBuffer<Int>()
  /// Asked for, still queued, and due again.
  private var due = CircularBuffer<Int>()
  /// Until then, asking for younger ones is useless.
  private var closedUntil = NIODeadline.now()
  /// When the youngest reservation that is known to be decided was accepted.
  private var youngestDecided: Int64 = 0
  /// Waited for as long as the server would, in vain.
  private var waitedFor: Set<Int> = []
  /// The next to be asked for is a fresh one, to see whether those that were waited for are passed over.
  private var probes = false
  private(set) var failures = 0
  private var stopped = false

  private static let pauseAfterFailure = TimeAmount.milliseconds(200)
  private static let shortestPause = TimeAmount.milliseconds(20)
  /// Requests that are accepted at about the same time may be decided in another order.
  private static let tolerance: Int64 = 50_000_000

  init(plan: LoadPlan, request: ReservationRequest, ledger: Ledger, connections: [Connection], eventLoop: any EventLoop) {
    (self.plan, self.request, self.ledger, self.eventLoop) = (plan, request, ledger, eventLoop)
    (all, idle) = (connections, connections)
  }

  func follow(_ purchase: Int) {
    fresh.append(purchase)
    dispatch()
  }

  func sweep(now: NIODeadline) {
    for connection in all { connection.sweep(now: now) }
  }

  func stop() {
    stopped = true
    for connection in all { connection.close() }
  }

  private func dispatch() {
    while !stopped, let connection = idle.last {
      if probes, let purchase = fresh.popFirst() {
        probes = false
        idle.removeLast()
        ask(purchase, wait: nil, on: connection)
        continue
      }
      let isOpen = NIODeadline.now() >= closedUntil
      guard let purchase = due.popFirst() ?? (isOpen ? fresh.popFirst() : nil) else { return }
      idle.removeLast()
      // Waiting for one that was passed over would keep a connection from the others.
      ask(purchase, wait: isPassedOver(purchase) ? nil : plan.waitSeconds, on: connection)
    }
  }

  private func ask(_ purchase: Int, wait: Int?, on connection: Connection) {
    let asked = NIODeadline.now()
    connection.send(deadline: asked + TimeAmount(plan.requestTimeout) + .seconds(Int64(wait ?? 0))) { buffer in
      request.write(ledger.purchases[purchase].reservation, customer: plan.customer(of: purchase), wait: wait, into: &buffer)
    } completion: { [self] result in
      idle.append(connection)
      guard !stopped else { return }
      if case .success(let response) = result, response.status == 200, let outcome = Outcome(response.body) {
        if outcome.isDecided {
          decided(purchase, outcome)
        } else {
          stillQueued(purchase, response, waited: wait != nil && NIODeadline.now() - asked > .milliseconds(500))
        }
      } else {
        failed(purchase, try? result.get())
      }
      dispatch()
    }
  }

  private func decided(_ purchase: Int, _ outcome: Outcome) {
    ledger.decided(purchase, outcome)
    youngestDecided = max(youngestDecided, ledger.purchases[purchase].answered)
    closedUntil = .now()
    waitedFor.remove(purchase)
  }

  private func failed(_ purchase: Int, _ response: Response?) {
    failures += 1
    let pause = max(.seconds(Int64(response?.retryAfter ?? 0)), Self.pauseAfterFailure)
    // A gateway that is away or busy is so for all; a reservation that is missing (404) is so alone.
    if response?.status != 404 { closedUntil = max(closedUntil, .now() + pause) }
    again(purchase, after: pause)
  }

  private func stillQueued(_ purchase: Int, _ response: Response, waited: Bool) {
    if waited {
      waitedFor.insert(purchase)
      probes = true
    }
    // The server held the answer as long as it was asked to: ask on.
    if waited, !isPassedOver(purchase) { return due.append(purchase) }
    let pause = max(.seconds(Int64(response.retryAfter ?? 1)), Self.shortestPause)
    if isPassedOver(purchase) { return again(purchase, after: max(pause, .seconds(1))) }
    closedUntil = max(closedUntil, .now() + pause)
    again(purchase, after: pause)
  }

  private func again(_ purchase: Int, after pause: TimeAmount) {
    eventLoop.assumeIsolated().scheduleTask(in: pause) { [self] in
      due.append(purchase)
      dispatch()
    }
  }

  /// Whether one that was accepted later is decided. It is asked for now and then, and holds nobody up.
  private func isPassedOver(_ purchase: Int) -> Bool {
    youngestDecided - ledger.purchases[purchase].answered > (waitedFor.contains(purchase) ? 0 : Self.tolerance)
  }
}

/// `GET /v1/reservations/{id}` as bytes.
struct ReservationRequest {
  let target: Target
  let tokens: [String]

  func write(_ reservation: String, customer: Int, wait: Int?, into buffer: inout ByteBuffer) {
    buffer.writeString("GET /v1/reservations/\(reservation) HTTP/1.1\r\nHost: \(target.host):\(target.port)\r\n")
    buffer.writeString("Authorization: Bearer ")
    buffer.writeString(tokens[customer])
    if let wait { buffer.writeString("\r\nPrefer: wait=\(wait)") }
    buffer.writeString("\r\n\r\n")
  }
}
