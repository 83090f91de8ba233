import NIOCore

/// Sends the requests for tickets, in a closed loop or on schedule. A state machine on the event loop: no `await` for each request.
final class Intake {
  private let plan: LoadPlan
  private let eventLoop: any EventLoop
  private let mix: RequestMix
  private let ledger: Ledger
  private let tokens: [String]
  private let follow: (Int) -> Void
  private let giveUp: (LoadError) -> Void
  private let head: String
  private let all: [Connection]

  private var idle: [Connection]
  /// Scheduled, and waiting for a connection.
  private var due = CircularBuffer<Int>()
  private var next = 0
  /// Begun and not final. In a closed loop one that waits for `Retry-After` keeps its place, as its customer does.
  private var begun = 0
  private(set) var inFlight = 0
  private(set) var stopped = false
  private var lastAnswer = NIODeadline.now()
  private var failedSinceAnswer = false
  /// The first answers, as long as all of them refuse for a reason that the next request shares.
  private var hopeless: Response?

  private static let firstAnswers = 20
  private static let mostTriesUnknown = 10
  private static let longestPause = TimeAmount.seconds(2)

  init(
    plan: LoadPlan, target: Target, event: Event, mix: RequestMix, tokens: [String], ledger: Ledger, connections: [Connection],
    eventLoop: any EventLoop, follow: @escaping (Int) -> Void, giveUp: @escaping (LoadError) -> Void
  ) {
    (self.plan, self.mix, self.tokens, self.ledger, self.eventLoop) = (plan, mix, tokens, ledger, eventLoop)
    (self.follow, self.giveUp) = (follow, giveUp)
    (all, idle) = (connections, connections)
    head = """
      POST /v1/events/\(event.id)/reservations HTTP/1.1\r
      Host: \(target.host):\(target.port)\r
      Content-Type: application/json\r
      Authorization: Bearer\u{20}
      """
  }

  /// Whether every request has its answer, or none will be sent any more.
  var isDone: Bool { stopped || ledger.final == plan.requests }

  func begin() {
    lastAnswer = .now()
    switch plan.shape {
    case .closed: dispatch()
    case .open(let rate): keepSchedule(rate)
    }
  }

  /// Ends requests whose time is over, and the run if nobody answers any more.
  func sweep(now: NIODeadline) {
    for connection in all { connection.sweep(now: now) }
    if failedSinceAnswer, now - lastAnswer > TimeAmount(plan.outcomeTimeout) { stop() }
  }

  /// Sends nothing more. What has no answer by now is failed.
  func stop() {
    guard !stopped else { return }
    stopped = true
    for request in ledger.purchases.indices where ledger.purchases[request].fate == .pending {
      // One that is under way may have arrived.
      if ledger.purchases[request].tries > 0 { ledger.purchases[request].mayBeQueued = true }
      ledger.failed(request, code: "given_up")
    }
    for connection in all { connection.close() }
  }

  private func keepSchedule(_ rate: Double) {
    guard !stopped else { return }
    let now = ledger.now
    while next < plan.requests, Self.due(next, rate) <= now {
      ledger.scheduled(next, at: Self.due(next, rate))
      due.append(next)
      next += 1
      begun += 1
    }
    dispatch()
    guard next < plan.requests else { return }
    let wake = ledger.start + .nanoseconds(Self.due(next, rate))
    eventLoop.assumeIsolated().scheduleTask(deadline: wake) { self.keepSchedule(rate) }
  }

  private static func due(_ request: Int, _ rate: Double) -> Int64 { Int64(Double(request) / rate * 1e9) }

  private func dispatch() {
    while !stopped, let connection = idle.last {
      if plan.shape == .closed, due.isEmpty, next < plan.requests, begun < plan.connections {
        ledger.scheduled(next, at: ledger.now)
        due.append(next)
        next += 1
        begun += 1
      }
      guard let request = due.popFirst() else { return }
      idle.removeLast()
      send(request, on: connection)
    }
  }

  private func send(_ request: Int, on connection: Connection) {
    ledger.sending(request)
    inFlight += 1
    let body = mix.ask(request).body
    connection.send(deadline: .now() + TimeAmount(plan.requestTimeout)) { buffer in
      buffer.writeString(head)
      buffer.writeString(tokens[plan.customer(of: request)])
      buffer.writeString("\r\nIdempotency-Key: \(plan.run)-\(request)\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
      buffer.writeString(body)
    } completion: { [self] result in
      inFlight -= 1
      idle.append(connection)
      guard !stopped else { return }
      switch result {
      case .success(let response): answered(request, response)
      case .failure(let failure): failed(request, failure)
      }
      dispatch()
    }
  }

  private func answered(_ request: Int, _ response: Response) {
    ledger.answered(request)
    (lastAnswer, failedSinceAnswer) = (.now(), false)
    checkFirstAnswers(response)
    guard !stopped else { return }
    switch Answer(response) {
    case .accepted(let reservation):
      ledger.accepted(request, reservation: reservation.reservation)
      begun -= 1
      if reservation.isDecided { ledger.decided(request, reservation) } else { follow(request) }
    case .refused(let code):
      refused(request, code)
    case .busy(let code, let retryAfter) where ledger.purchases[request].mayBeQueued:
      tryUnknownAgain(request, code: code, after: retryAfter)
    case .busy(let code, let retryAfter):
      guard ledger.purchases[request].tries <= plan.retriesWhenBusy else { return refused(request, code) }
      again(request, after: .seconds(Int64(retryAfter ?? 1)))
    case .unknown(let code, let retryAfter):
      ledger.purchases[request].mayBeQueued = true
      tryUnknownAgain(request, code: code, after: retryAfter)
    }
  }

  /// A definite refusal; but where an earlier try may have been queued, this answer does not say that it was not.
  private func refused(_ request: Int, _ code: String) {
    begun -= 1
    if ledger.purchases[request].mayBeQueued { ledger.failed(request, code: code) } else { ledger.refused(request, code: code) }
  }

  private func failed(_ request: Int, _ failure: ConnectionFailure) {
    failedSinceAnswer = true
    if failure.mayHaveArrived { ledger.purchases[request].mayBeQueued = true }
    tryUnknownAgain(request, code: failure.code, after: nil)
  }

  private func tryUnknownAgain(_ request: Int, code: String, after seconds: Int?) {
    let tries = ledger.purchases[request].tries
    // Those that were refused, for sure, are tries too.
    guard tries < Self.mostTriesUnknown + plan.retriesWhenBusy else {
      begun -= 1
      return ledger.failed(request, code: code)
    }
    let doubling = min(.milliseconds(50 << Int64(min(tries, 6))), Self.longestPause)
    again(request, after: max(.seconds(Int64(seconds ?? 0)), doubling))
  }

  private func again(_ request: Int, after pause: TimeAmount) {
    eventLoop.assumeIsolated().scheduleTask(in: pause) { [self] in
      guard !stopped else { return }
      due.append(request)
      dispatch()
    }
  }

  /// A wrong token or a wrong event is wrong for everybody: say so instead of hammering on.
  private func checkFirstAnswers(_ response: Response) {
    let first = min(Self.firstAnswers, plan.requests)
    guard ledger.answers <= first else { return }
    let isHopeless = 400..<500 ~= response.status && response.status != 408 && response.status != 429
    if ledger.answers == 1 { hopeless = isHopeless ? response : nil }
    if hopeless?.status != response.status { hopeless = nil }
    guard ledger.answers == first, let hopeless else { return }
    let problem = Problem(hopeless)
    let detail = problem.detail.map { " \($0)" } ?? ""
    let answer = "\(hopeless.status) \(problem.code)"
    giveUp(LoadError("The first \(Text.plural(first, "request")) got the answer \(answer), so no more were sent.\(detail)"))
  }
}
