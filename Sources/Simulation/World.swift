import Logging
import Pipeline
import Ticketing

/// One process of the world: a worker, a gateway, or a client.
final class SimulatedProcess: @unchecked Sendable {
  let name: String
  fileprivate(set) var isAlive = true
  /// Until then it does nothing, as after SIGSTOP.
  var pausedUntil: Int64 = 0
  /// What its wall clock shows, against the true time, in microseconds.
  var clockError: Int64 = 0
  /// In how many calls it dies, and whether that call is still carried out.
  var crash: (calls: Int, carriedOut: Bool, then: () -> Void)?
  fileprivate(set) var onDeath: [() -> Void] = []

  init(_ name: String) { self.name = name }
}

/// The servers that the processes talk to.
enum Server: Int { case broker, database, view }

/// A call did not bring an answer.
struct NoAnswer: Error {
  /// Whether it is certain that nothing was done.
  var nothingWasDone: Bool
}

/// Everything that exists in one simulation, and what goes wrong in it.
final class World: @unchecked Sendable {
  /// How wrong a process's wall clock can be at most.
  static let maximumClockStep: Int64 = 2_000_000
  /// After that long the broker closes the connections of a process that doesn't move.
  static let heartbeat: Int64 = 3_000_000
  private static let epoch: Int64 = 1_790_000_000_000_000

  let plan: Plan
  let defect: Defect?
  let scheduler: Scheduler
  let partitioning: Partitioning
  let logger: Logger
  private(set) var trace = Trace()
  /// For what goes wrong with calls.
  private var fates: SplitMix
  private var awayUntil: [Int64] = [0, 0, 0]
  private var areCallsReliable = false
  /// Calls that have failed and will be carried out all the same.
  private(set) var lateCalls = 0
  private let start = ContinuousClock.now

  init(_ plan: Plan, defect: Defect? = nil) {
    self.plan = plan
    self.defect = defect
    scheduler = Scheduler(seed: plan.seed)
    partitioning = Partitioning(count: plan.partitions)
    fates = SplitMix(seed: plan.seed ^ 0xFA7E)
    var logger = Logger(label: "simulation", factory: { _ in SwiftLogNoOpLogHandler() })
    logger.logLevel = .critical
    self.logger = logger
  }

  // MARK: Time

  /// What a perfect wall clock shows.
  var time: Timestamp { Timestamp(microseconds: Self.epoch + scheduler.now) }

  func wallClock(of process: SimulatedProcess) -> @Sendable () -> Timestamp {
    { [self] in Timestamp(microseconds: time.microseconds + process.clockError) }
  }

  func timekeeper(of process: SimulatedProcess) -> Timekeeper {
    Timekeeper(
      now: { [self] in start + .microseconds(scheduler.now) },
      sleep: { [self] duration in
        let (seconds, attoseconds) = duration.components
        try await scheduler.sleep(max(0, seconds * 1_000_000 + attoseconds / 1_000_000_000_000))
        await thaw(process)
      })
  }

  /// Waits while the process is paused.
  private func thaw(_ process: SimulatedProcess) async {
    while process.isAlive && process.pausedUntil > scheduler.now { await scheduler.wait(process.pausedUntil - scheduler.now) }
  }

  // MARK: Processes

  /// Ends a process: nothing that it does from now on has an effect.
  func kill(_ process: SimulatedProcess) {
    if !process.isAlive { return }
    process.isAlive = false
    note("died", process)
    let endings = process.onDeath
    process.onDeath = []
    for ending in endings { ending() }
  }

  func whenDead(_ process: SimulatedProcess, _ action: @escaping () -> Void) { process.onDeath.append(action) }

  // MARK: Calls

  func takeAway(_ server: Server, for duration: Int64) {
    awayUntil[server.rawValue] = max(awayUntil[server.rawValue], scheduler.now + duration)
    note("away", nil, Int64(server.rawValue), duration)
  }

  func isAway(_ server: Server) -> Bool { awayUntil[server.rawValue] > scheduler.now }

  /// From now on no call goes wrong by chance.
  func endTroubles() { areCallsReliable = true }

  /// A call over the network: the request travels, the server does it at one moment, the reply travels back. Any of it may fail.
  func call<Answer>(
    _ process: SimulatedProcess, _ server: Server, _ name: StaticString, _ carryOut: @escaping () -> Answer
  ) async throws(NoAnswer) -> Answer {
    guard process.isAlive else { throw NoAnswer(nothingWasDone: true) }
    if let crash = process.crash {
      process.crash?.calls -= 1
      if crash.calls <= 1 {
        process.crash = nil
        note(name, process, crash.carriedOut ? 1 : 0)
        if crash.carriedOut { _ = carryOut() }
        kill(process)
        crash.then()
        throw NoAnswer(nothingWasDone: false)
      }
    }
    if isAway(server) {
      await scheduler.wait(fates.pick(100...20_000))
      throw NoAnswer(nothingWasDone: true)
    }
    let rates = areCallsReliable ? Plan.Rates() : plan.rates
    if fates.chance(rates.lost) {
      note("lost", process)
      await scheduler.wait(fates.pick(1000...500_000))
      throw NoAnswer(nothingWasDone: false)
    }
    if fates.chance(rates.late) {
      note("late", process)
      let failure = fates.pick(1000...300_000)
      lateCalls += 1
      scheduler.at(scheduler.now + failure + fates.pick(1...1_000_000)) { [self] in
        lateCalls -= 1
        note(name, process, 2)
        _ = carryOut()
      }
      await scheduler.wait(failure)
      throw NoAnswer(nothingWasDone: false)
    }
    await scheduler.wait(fates.chance(rates.slow) ? fates.pick(10_000...2_500_000) : fates.pick(50...2000))
    await thaw(process)
    guard process.isAlive, !isAway(server) else { throw NoAnswer(nothingWasDone: true) }
    note(name, process)
    let answer = carryOut()
    if fates.chance(rates.replyLost) {
      note("reply lost", process)
      await scheduler.wait(fates.pick(1000...500_000))
      throw NoAnswer(nothingWasDone: false)
    }
    await scheduler.wait(fates.pick(50...2000))
    await thaw(process)
    guard process.isAlive else { throw NoAnswer(nothingWasDone: false) }
    return answer
  }

  func chance(_ probability: Double) -> Bool { !areCallsReliable && fates.chance(probability) }

  // MARK: Trace

  func note(_ what: StaticString, _ process: SimulatedProcess?, _ first: Int64 = 0, _ second: Int64 = 0) {
    trace.append(Trace.Entry(time: scheduler.now, process: process?.name ?? "world", what: what, first: first, second: second))
  }

  /// Something about one reservation.
  func note(_ what: StaticString, _ process: SimulatedProcess?, about id: UInt128, _ first: Int64 = 0) {
    trace.append(Trace.Entry(time: scheduler.now, process: process?.name ?? "world", what: what, first: first, about: id))
  }
}

/// What happened, in order.
struct Trace {
  struct Entry {
    var time: Int64
    var process: String
    var what: StaticString
    var first: Int64 = 0
    var second: Int64 = 0
    var about: UInt128 = 0
  }

  private(set) var entries: [Entry] = []
  /// The same for two runs in which the same happened at the same times.
  private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func append(_ entry: Entry) {
    entries.append(entry)
    fold(UInt64(bitPattern: entry.time))
    fold(UInt64(bitPattern: entry.first))
    fold(UInt64(bitPattern: entry.second))
    fold(UInt64(truncatingIfNeeded: entry.about))
    for byte in entry.process.utf8 { fold(UInt64(byte)) }
    entry.what.withUTF8Buffer { for byte in $0 { fold(UInt64(byte)) } }
  }

  private mutating func fold(_ value: UInt64) { hash = (hash ^ value) &* 0x0000_0100_0000_01b3 }
}
