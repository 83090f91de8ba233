import FoundationEssentials
import NIOCore

/// What a sale left behind.
struct RunRecord: Sendable {
  var purchases: [Purchase]
  var versions: [Ledger.VersionSample]
  /// Seconds since 1970.
  var startedAt: Double
  var sentAgain: Int
  var failedReads: Int
  /// The server's clock less this machine's, in seconds.
  var clockOffset: Double
  /// The gateway fell silent, so not everything was sent.
  var gaveUp: Bool
}

/// A sale on its event loop: sends, follows, watches the clock, and says when all is decided. Never leaves the loop.
final class LoadDriver {
  private let plan: LoadPlan
  private let target: Target
  private let event: Event
  private let mix: RequestMix
  private let tokens: [String]
  private let eventLoop: any EventLoop
  private let progress: AsyncStream<LoadProgress>.Continuation

  private let selling: [Connection]
  private let following: [Connection]
  /// Asks for the event's version, to see how fast the server decides whatever the followers see.
  private let watching: Connection
  private var done: EventLoopPromise<RunRecord>?
  private var isEnded = false
  private var isCancelled = false
  private var ticker: RepeatedTask?
  private var marks: [(at: Int64, accepted: Int, decided: Int)] = []
  private var ticks = 0

  private static let tick = TimeAmount.milliseconds(50)
  private static let ticksPerProgress = 5
  private static let versionInterval = TimeAmount.milliseconds(50)
  private static let patienceForVersion = TimeAmount.seconds(2)

  init(
    plan: LoadPlan, target: Target, event: Event, mix: RequestMix, tokens: [String], eventLoop: any EventLoop,
    progress: AsyncStream<LoadProgress>.Continuation
  ) {
    (self.plan, self.target, self.event, self.mix, self.tokens) = (plan, target, event, mix, tokens)
    (self.eventLoop, self.progress) = (eventLoop, progress)
    selling = Connection.several(plan.connections, to: target, on: eventLoop)
    following = Connection.several(plan.followers, to: target, on: eventLoop)
    watching = Connection(target: target, eventLoop: eventLoop)
  }

  /// Opens every connection and reads over it, so that the first requests measure the sale and not the handshakes.
  func warmUp() -> EventLoopFuture<Void> {
    let all = (selling + following).map { connection in
      let promise = eventLoop.makePromise(of: Void.self)
      warmUp(connection, reads: max(plan.warmUpReads, 1), promise)
      return promise.futureResult
    }
    let sweeper = eventLoop.every(Self.tick) { [self] in
      for connection in selling + following { connection.sweep(now: .now()) }
    }
    let done = EventLoopFuture.andAllSucceed(all, on: eventLoop)
    done.whenComplete { _ in sweeper.cancel() }
    return done
  }

  private func warmUp(_ connection: Connection, reads: Int, _ promise: EventLoopPromise<Void>) {
    guard reads > 0 else { return promise.succeed() }
    readAvailability(on: connection) { [self] result in
      switch result {
      case .success: warmUp(connection, reads: reads - 1, promise)
      case .failure(let failure):
        promise.fail(LoadError("A connection to \(target.host):\(target.port) failed while warming up (\(failure.code))."))
      }
    }
  }

  private func readAvailability(on connection: Connection, completion: @escaping Connection.Completion) {
    connection.send(deadline: .now() + TimeAmount(plan.requestTimeout)) { buffer in
      buffer.writeString("GET /v1/events/\(event.id)/availability HTTP/1.1\r\nHost: \(target.host):\(target.port)\r\n\r\n")
    } completion: {
      completion($0)
    }
  }

  /// Sells. The result comes when every accepted request is decided, or no outcome has come for too long.
  func run() -> EventLoopFuture<RunRecord> {
    guard !isCancelled else { return eventLoop.makeFailedFuture(CancellationError()) }
    let done = eventLoop.makePromise(of: RunRecord.self)
    self.done = done
    let startedAt = Date().timeIntervalSince1970
    let ledger = Ledger(requests: plan.requests, start: .now())
    let follower = Follower(
      plan: plan, request: ReservationRequest(target: target, tokens: tokens), ledger: ledger, connections: following,
      eventLoop: eventLoop)
    let intake = Intake(
      plan: plan, target: target, event: event, mix: mix, tokens: tokens, ledger: ledger, connections: selling,
      eventLoop: eventLoop, follow: { follower.follow($0) }, giveUp: { done.fail($0) })
    ticker = eventLoop.every(Self.tick) { [self] in
      intake.sweep(now: .now())
      follower.sweep(now: .now())
      watching.sweep(now: .now())
      report(ledger, intake)
      guard intake.isDone else { return }
      let quiet = ledger.now - max(ledger.lastSeen, ledger.lastAnswered)
      let isComplete = ledger.undecided == 0 && (ledger.versionIsReached || quiet > Self.patienceForVersion.nanoseconds)
      guard isComplete || quiet > TimeAmount(plan.outcomeTimeout).nanoseconds else { return }
      done.succeed(
        RunRecord(
          purchases: ledger.purchases, versions: ledger.versions, startedAt: startedAt, sentAgain: ledger.sentAgain,
          failedReads: follower.failures, clockOffset: ledger.clockOffset, gaveUp: intake.stopped))
    }
    done.futureResult.assumeIsolated().whenComplete { [self] _ in
      isEnded = true
      ticker?.cancel()
      intake.stop()
      follower.stop()
      watching.close()
    }
    watchVersion(ledger)
    intake.begin()
    return done.futureResult
  }

  /// Ends the run early, with an error.
  func cancel() {
    isCancelled = true
    done?.fail(CancellationError())
  }

  private func watchVersion(_ ledger: Ledger) {
    readAvailability(on: watching) { [self] result in
      guard !isEnded else { return }
      if case .success(let response) = result, response.status == 200, let version = Self.version(response.body) {
        ledger.versions.append(.init(at: ledger.now, version: version))
      }
      eventLoop.assumeIsolated().scheduleTask(in: Self.versionInterval) { [self] in
        if !isEnded { watchVersion(ledger) }
      }
    }
  }

  private static func version(_ body: ByteBuffer) -> Int? {
    var version: Int?
    try? body.withUnsafeReadableBytes { bytes in
      var scanner = JSONScanner(bytes)
      try scanner.object { scanner, key in
        if key == "version" { version = try scanner.integer() } else { try scanner.skip() }
      }
    }
    return version
  }

  private func report(_ ledger: Ledger, _ intake: Intake) {
    ticks += 1
    guard ticks % Self.ticksPerProgress == 0 || intake.isDone && ledger.undecided == 0 else { return }
    let now = ledger.now
    marks.append((now, ledger.accepted, ledger.decided))
    if marks.count > 5 { marks.removeFirst() }
    var current = LoadProgress(intake.isDone ? .following : .selling, requests: plan.requests)
    current.elapsed = Double(now) / 1e9
    (current.sent, current.accepted, current.decided) = (ledger.sent, ledger.accepted, ledger.decided)
    (current.held, current.rejected, current.refused) = (ledger.held, ledger.rejected, ledger.refused)
    (current.errors, current.inFlight) = (ledger.failed, intake.inFlight)
    let first = marks.count > 1 ? marks[0] : (at: 0, accepted: 0, decided: 0)
    let seconds = Double(max(now - first.at, 1)) / 1e9
    current.acceptedPerSecond = Double(ledger.accepted - first.accepted) / seconds
    current.decidedPerSecond = Double(ledger.decided - first.decided) / seconds
    progress.yield(current)
  }
}
