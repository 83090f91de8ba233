import Gateway
import Pipeline
@_spi(TestKit) import ServiceLifecycle
import Ticketing
import Worker

/// One world from its beginning to its end: servers, workers, gateways, clients, and what happens to them.
final class Sale: @unchecked Sendable {
  /// How long after the last trouble everything must be in order, holds included: those last for 3 seconds, once extended, by clocks
  /// that may be wrong.
  private static let patience: Int64 = 25_000_000
  private static let checkInterval: Int64 = 250_000

  let world: World
  let records: [EventRecord]
  let broker: Broker
  let database: Database
  let view: View
  let history = History()
  private var workers: [(process: SimulatedProcess, shutdown: GracefulShutdownManager)] = []
  private var gateways: [(process: SimulatedProcess, gateway: HeadlessGateway)] = []
  private var workersStarted = 0
  private var clientsLeft = 0
  private var tasks: [Task<Void, Never>] = []
  private var tasksLeft = 0
  private(set) var isOver = false
  /// Whether everything came to rest in time.
  private(set) var hasSettled = false

  init(_ plan: Plan, defect: Defect?) {
    let world = World(plan, defect: defect)
    self.world = world
    var random = SplitMix(seed: plan.seed ^ 0xE4E7)
    records = (0..<plan.events).map { Self.record($0, opening: world.time, &random) }
    broker = Broker(world)
    database = Database(world, records)
    view = View(world)
  }

  /// Few tickets and short holds: what is scarce is fought for.
  private static func record(_ number: Int, opening: Timestamp, _ random: inout SplitMix) -> EventRecord {
    let price = Money(amount: 3200, currency: "EUR")
    let event = Event(
      id: EventID(UInt128(number + 1) << 100 | 0xE), status: .published, salesOpenAt: opening.adding(seconds: -3600),
      salesCloseAt: opening.adding(seconds: 3600), holdSeconds: Int(random.pick(1...3)), maxExtensions: 1,
      maxTicketsPerCustomer: Int(random.pick(3...6)),
      sections: [
        Section(id: "floor", name: "Floor", kind: .generalAdmission(capacity: Int(random.pick(3...12))), price: price),
        Section(
          id: "block", name: "Block",
          kind: .seated(rows: [Row(name: "A", seats: 6, aislesAfter: [3]), Row(name: "B", seats: 6)]),
          price: price),
      ])
    return EventRecord(
      event: event, organiser: CustomerID(1), name: "Event \(number)", venue: "Hall", description: nil, startsAt: opening,
      createdAt: opening.adding(seconds: -7200))
  }

  /// Lets everything happen.
  func run() {
    for _ in 0..<world.plan.workers { workers.append(startWorker()) }
    for slot in 0..<world.plan.gateways { gateways.append(startGateway(slot)) }
    for number in world.plan.clients { startClient(number) }
    for incident in world.plan.incidents { world.scheduler.at(incident.at) { [unowned self] in cause(incident) } }
    let quiet = max(world.plan.saleLasts, world.plan.faultsEnd) + 100_000
    world.scheduler.at(quiet) { [unowned self] in
      world.endTroubles()
      check(until: world.scheduler.now + Self.patience)
    }
    world.scheduler.run(until: { self.isOver })
    end()
  }

  private func check(until deadline: Int64) {
    world.scheduler.at(world.scheduler.now + Self.checkInterval) { [unowned self] in
      hasSettled = clientsLeft == 0 && unrest == nil
      isOver = hasSettled || world.scheduler.now > deadline
      if !isOver { check(until: deadline) }
    }
  }

  /// What is not as it must be in the end; nil if nothing is.
  var unrest: String? {
    if !broker.isIdle { return "messages wait in the queues" }
    if world.lateCalls > 0 { return "calls are on their way" }
    if let open = history.commands.first(where: { $0.isAccepted && !database.isDecided($0.command.id) }) {
      return "command \(open.command.id) was accepted and is not decided"
    }
    for tables in database.tables {
      if let held = tables.reservations.values.first(where: { $0.status == .held }) {
        return "reservation \(held.id) is held past its time"
      }
      if let difference = viewDifference(from: tables) { return difference }
    }
    return clientsLeft == 0 ? nil : "\(clientsLeft) clients still wait for an answer"
  }

  /// Ends everything that runs, so that nothing of this world is left.
  private func end() {
    let limit = world.scheduler.now + 10_000_000
    world.scheduler.run(until: { self.clientsLeft == 0 || self.world.scheduler.now > limit })
    isOver = true
    for worker in workers { world.kill(worker.process) }
    for gateway in gateways { world.kill(gateway.process) }
    for task in tasks { task.cancel() }
    world.scheduler.drain(while: { self.tasksLeft > 0 })
  }

  private func startTask(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    tasksLeft += 1
    let task = Task(executorPreference: world.scheduler) {
      await body()
      self.tasksLeft -= 1
    }
    tasks.append(task)
    return task
  }

  // MARK: Processes

  private func startWorker() -> (SimulatedProcess, GracefulShutdownManager) {
    workersStarted += 1
    let process = SimulatedProcess("worker \(workersStarted)")
    let shutdown = GracefulShutdownManager()
    var now = world.wallClock(of: process)
    if world.defect == .expireByTheWrongClock {
      let began = world.time.microseconds
      now = { [world] in Timestamp(microseconds: began + 3 * (world.time.microseconds - began)) }
    }
    let worker = Worker(
      id: WorkerID(workersStarted) << 64 | WorkerID(world.plan.seed),
      queue: SimulatedQueue(world: world, broker: broker, process: process),
      journal: SimulatedJournal(world: world, database: database, process: process),
      quarantine: SimulatedQuarantine(world: world, database: database, process: process),
      view: SimulatedProjection(world: world, view: view, process: process),
      membership: SimulatedMembership(world: world, database: database, process: process), partitioning: world.partitioning,
      now: now, time: world.timekeeper(of: process), logger: world.logger, endsWhereDecisionsHang: false,
      catchUpPiece: world.plan.catchUpPiece)
    world.note("starts", process)
    let task = startTask {
      await TaskLocals.$gracefulShutdownManager.withValue(shutdown) {
        // It throws nothing but the cancellation.
        try? await worker.run()
      }
    }
    world.whenDead(process) { task.cancel() }
    return (process, shutdown)
  }

  private func startGateway(_ slot: Int) -> (SimulatedProcess, HeadlessGateway) {
    let process = SimulatedProcess("gateway \(slot + 1)")
    let gateway = HeadlessGateway(
      publisher: SimulatedPublisher(world: world, broker: broker, process: process),
      view: SimulatedReservationView(world: world, view: view, process: process),
      store: SimulatedStore(world: world, database: database, process: process),
      changes: SimulatedFeed(world: world, view: view, process: process), partitioning: world.partitioning,
      time: world.timekeeper(of: process), executor: world.scheduler, logger: world.logger)
    _ = startTask { try? await gateway.run() }
    return (process, gateway)
  }

  private func startClient(_ number: Int) {
    clientsLeft += 1
    _ = startTask { [self] in
      var client = Client(self, number: number)
      await client.run()
      clientsLeft -= 1
    }
  }

  // MARK: Requests

  /// One `POST`, as its client sees it.
  /// - Parameter request: the command; the gateway says when it was accepted.
  func send(_ request: Box<Command>, from client: SimulatedProcess, gateway: Int) async -> History.Answer {
    let (process, gateway) = gateways[gateway % gateways.count]
    var command = request.value
    command.acceptedAt = world.wallClock(of: process)()
    world.note("sends", client, about: command.reservation.rawValue)
    history.begin(command)
    await world.scheduler.wait(200)
    var answer = History.Answer.none
    if process.isAlive {
      let told = await gateway.take(command, partition: world.partitioning.partition(of: command.event))
      if process.isAlive {
        switch told {
        case .accepted: answer = .accepted
        case .keyReused: answer = .keyReused
        case .refused: answer = .refused
        case .unknown: answer = .unknown
        }
      }
    }
    history.end(command, answer)
    switch answer {
    case .accepted: world.note("is told: accepted", client, about: command.reservation.rawValue)
    case .keyReused: world.note("is told: key reused", client, about: command.reservation.rawValue)
    case .refused: world.note("is told: refused", client, about: command.reservation.rawValue)
    case .unknown: world.note("is told: unknown", client, about: command.reservation.rawValue)
    case .none: world.note("is told nothing", client, about: command.reservation.rawValue)
    }
    return answer
  }

  /// One `GET`.
  func read(_ poll: HeadlessGateway.Poll, from client: SimulatedProcess, gateway: Int) async -> HeadlessGateway.Reading {
    let id = poll.reservation
    let (process, gateway) = gateways[gateway % gateways.count]
    await world.scheduler.wait(200)
    guard process.isAlive else { return .unavailable }
    let reading = await gateway.read(poll)
    guard process.isAlive else { return .unavailable }
    switch reading {
    case .found(let record):
      history.see(record)
      world.note("sees", client, about: id.rawValue, record.version)
    case .notFound:
      history.miss(id)
      world.note("finds nothing", client, about: id.rawValue)
    case .unavailable: break
    }
    return reading
  }

  // MARK: Incidents

  private func cause(_ incident: Plan.Incident) {
    if isOver { return }
    let (scheduler, lasting) = (world.scheduler, incident.lasting)
    switch incident.kind {
    case .workerCrashes(let slot):
      world.kill(workers[slot].process)
      restart(slot, after: lasting)
    case .workerCrashesInCall(let slot, let calls, let carriedOut):
      workers[slot].process.crash = (calls, carriedOut, { [unowned self] in restart(slot, after: lasting) })
    case .workerPauses(let slot):
      let process = workers[slot].process
      process.pausedUntil = max(process.pausedUntil, scheduler.now + lasting)
      world.note("is paused", process, lasting)
      scheduler.at(scheduler.now + World.heartbeat) { [broker] in
        if process.pausedUntil > scheduler.now { broker.cutConnections(of: process) }
      }
    case .workerIsReplaced(let slot):
      world.note("is asked to stop", workers[slot].process)
      workers[slot].shutdown.shutdownGracefully()
      restart(slot, after: lasting)
    case .workerJoins: workers.append(startWorker())
    case .clockSteps(let slot, let step):
      world.note("clock is set", workers[slot].process, step)
      workers[slot].process.clockError = step
    case .gatewayCrashes(let slot):
      world.kill(gateways[slot].process)
      scheduler.at(scheduler.now + lasting) { [unowned self] in
        if !isOver { gateways[slot] = startGateway(slot) }
      }
    case .connectionsAreCut(let slot):
      world.note("connections are cut", workers[slot].process)
      broker.cutConnections(of: workers[slot].process)
    case .brokerAway:
      world.takeAway(.broker, for: lasting)
      broker.cutAllConnections()
    case .databaseAway: world.takeAway(.database, for: lasting)
    case .viewAway:
      world.takeAway(.view, for: lasting)
      scheduler.at(scheduler.now + lasting) { [view] in view.reconnect() }
    case .queuesFull:
      world.note("queues are full", nil, lasting)
      broker.fill(for: lasting)
    case .topologyBroken:
      world.note("bindings are gone", nil, lasting)
      broker.breakTopology(for: lasting)
    case .viewWiped:
      world.note("view is wiped", nil)
      view.wipe()
    case .viewWipedInMidWrite: view.wipeAfterListing()
    case .recordsExpire:
      world.note("records expire", nil)
      view.expireRecords()
    case .viewRestored:
      world.note("view is copied", nil)
      view.makeCopy()
      scheduler.at(scheduler.now + 700_000) { [world, view] in
        world.note("view is restored", nil)
        view.restore()
      }
    }
  }

  private func restart(_ slot: Int, after time: Int64) {
    let before = workers[slot].process
    world.scheduler.at(world.scheduler.now + time) { [unowned self] in
      if !isOver && workers[slot].process === before { workers[slot] = startWorker() }
    }
  }
}
