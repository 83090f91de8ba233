import NIOCore

/// Reads many reservations once more, several at a time: what the audit compares with the outcomes seen first.
final class OutcomeReader {
  private let request: ReservationRequest
  private let plan: LoadPlan
  private let connections: [Connection]
  private let eventLoop: any EventLoop
  private var waiting: CircularBuffer<(purchase: Int, reservation: String, tries: Int)>
  private var outstanding: Int
  private var outcomes: [Int: Outcome] = [:]
  private let done: EventLoopPromise<[Int: Outcome]>
  private var sweeper: RepeatedTask?

  private static let mostTries = 5
  private static let pause = TimeAmount.milliseconds(200)

  /// `reservations` by the number of their purchase.
  init(
    _ reservations: [(purchase: Int, reservation: String)], plan: LoadPlan, request: ReservationRequest, eventLoop: any EventLoop
  ) {
    (self.plan, self.request, self.eventLoop) = (plan, request, eventLoop)
    waiting = CircularBuffer(initialCapacity: reservations.count)
    for (purchase, reservation) in reservations { waiting.append((purchase, reservation, 0)) }
    outstanding = reservations.count
    connections = Connection.several(min(plan.followers, max(reservations.count, 1)), to: request.target, on: eventLoop)
    done = eventLoop.makePromise()
  }

  /// The outcomes that could be read; those missing could not, in several tries.
  func read() -> EventLoopFuture<[Int: Outcome]> {
    sweeper = eventLoop.every(.milliseconds(250)) { [connections] in
      for connection in connections { connection.sweep(now: .now()) }
    }
    for connection in connections { next(on: connection) }
    return done.futureResult
  }

  private func next(on connection: Connection) {
    guard outstanding > 0 else { return finish() }
    guard let item = waiting.popFirst() else { return }
    connection.send(deadline: .now() + TimeAmount(plan.requestTimeout)) { buffer in
      request.write(item.reservation, customer: plan.customer(of: item.purchase), wait: nil, into: &buffer)
    } completion: { [self] result in
      if case .success(let response) = result, response.status == 200, let outcome = Outcome(response.body) {
        outcomes[item.purchase] = outcome
        outstanding -= 1
      } else if item.tries + 1 == Self.mostTries {
        outstanding -= 1
      } else {
        eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { [self] in
          waiting.append((item.purchase, item.reservation, item.tries + 1))
          next(on: connection)
        }
        return
      }
      next(on: connection)
    }
  }

  private func finish() {
    sweeper?.cancel()
    for connection in connections { connection.close() }
    done.succeed(outcomes)
  }
}
