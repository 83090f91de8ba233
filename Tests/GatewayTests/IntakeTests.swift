import Pipeline
import Synchronization
import Telemetry
import Testing
import Ticketing

@testable import Gateway

struct IntakeTests {
  private let view = FakeView()
  private let publisher = FakePublisher()
  private let intake: Intake

  init() { intake = .test(view, publisher) }

  private func command(_ id: UInt128 = 1, quantity: Int = 2) -> Command {
    let request = Command.Request(customer: customer, selection: .best(section: 0, quantity: quantity, adjacent: true))
    return Command(id: CommandID(id), event: EventID(0xE), action: .reserve(request), acceptedAt: present)
  }

  private func noted(_ id: UInt128 = 1) -> ReservationRecord? { view.get { $0.reservations[ReservationID(id)] } }

  @Test func `a request is noted with its place and queued`() async {
    view.set { $0.progress[3] = Progress(ordinal: 5, rate: 10) }
    view.set { $0.lines[3] = 8 }
    let answer = await intake.take(command(), partition: 3)
    guard case .accepted(let record?, let progress?, isReplay: false) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(record.status == .queued)
    #expect(record.ordinal == 9)
    #expect(progress == Progress(ordinal: 5, rate: 10))
    #expect(noted() == record)
    #expect(publisher.messages.map(\.partition) == [3])
    #expect(publisher.messages[0].commands == [QueuedCommand(command(), ordinal: 9)])
  }

  @Test func `the same request sent again while it is queued is queued again, under its first note`() async {
    _ = await intake.take(command(), partition: 3)
    let answer = await intake.take(command(), partition: 3)
    guard case .accepted(let record?, _, isReplay: true) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(record.ordinal == 1)
    // A gateway may have died between the note and the queue. The worker decides a command once.
    #expect(publisher.messages.count == 2)
  }

  @Test func `a request sent again while it is queued was accepted when it was first asked for`() async {
    _ = await intake.take(command(), partition: 3)
    var again = command()
    again.acceptedAt = present.adding(seconds: 60)
    _ = await intake.take(again, partition: 3)
    #expect(publisher.messages.flatMap(\.commands).map(\.command.acceptedAt) == [present, present])
  }

  @Test func `the same request sent again after its decision is answered with it, and not queued`() async {
    let decided = ReservationRecord(
      id: ReservationID(1), event: EventID(0xE), status: .held, version: 1,
      request: Command.Request(customer: customer, selection: .best(section: 0, quantity: 2, adjacent: true)), createdAt: present,
      sequence: 7, allocation: .places(section: 0, quantity: 2), expiresAt: present)
    view.set { $0.reservations[ReservationID(1)] = decided }
    let answer = await intake.take(command(), partition: 3)
    guard case .accepted(decided, _, isReplay: true) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(publisher.messages.isEmpty)
  }

  @Test func `another request under the same key is refused, and the first one's note stays`() async {
    _ = await intake.take(command(quantity: 2), partition: 3)
    let first = noted()
    let answer = await intake.take(command(quantity: 3), partition: 3)
    guard case .keyReused = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(publisher.messages.count == 1)
    #expect(noted() == first)
  }

  @Test(arguments: [PublishOutcome.refused, .unavailable])
  func `a request that the broker did not take is withdrawn`(outcome: PublishOutcome) async {
    publisher.answer(outcome)
    let answer = await intake.take(command(), partition: 3)
    switch (outcome, answer) {
    case (.refused, .refused), (.unavailable, .unavailable): break
    default: Issue.record("\(answer)")
    }
    #expect(noted() == nil)
    #expect(view.get { $0.withdrawn } == [ReservationID(1)])
  }

  @Test func `a request that is queued already keeps its note where it can't be queued again`() async {
    _ = await intake.take(command(), partition: 3)
    publisher.answer(.refused)
    guard case .refused = await intake.take(command(), partition: 3) else {
      Issue.record("it was taken")
      return
    }
    #expect(noted() != nil)
    #expect(view.get { $0.withdrawn } == [])
  }

  /// The same request at two gateways: while the first one's is being published, the second one is answered.
  private func twoClicks(_ first: PublishOutcome, _ second: PublishOutcome) async -> Intake.Answer {
    let (view, command) = (view, command())
    publisher.answer(second)
    let publisher = publisher
    let meanwhile = PublisherWithMeanwhile(outcome: first) {
      let other = Intake.test(view, publisher)
      _ = await other.take(command, partition: 3)
    }
    return await Intake.test(view, meanwhile).take(command, partition: 3)
  }

  @Test func `a request that is refused leaves its note to the same request at another gateway, which was accepted`() async {
    guard case .refused = await twoClicks(.refused, .queued) else {
      Issue.record("it was taken")
      return
    }
    #expect(noted()?.status == .queued)
    #expect(publisher.messages.flatMap(\.commands).map(\.command.acceptedAt) == [noted()?.createdAt])
  }

  @Test func `a note goes with the last of the requests that rely on it, where none was queued`() async {
    guard case .refused = await twoClicks(.refused, .refused) else {
      Issue.record("it was taken")
      return
    }
    #expect(noted() == nil)
    #expect(view.get { $0.withdrawn } == [ReservationID(1)])
  }

  @Test func `where nobody knows whether it was queued, the note stays`() async {
    publisher.answer(.unknown)
    guard case .unknown = await intake.take(command(), partition: 3) else {
      Issue.record("it is known")
      return
    }
    #expect(noted()?.status == .queued)
  }

  @Test func `without the view requests are queued all the same, without a place`() async {
    view.set { $0.isAway = true }
    guard case .accepted(let record?, nil, isReplay: false) = await intake.take(command(), partition: 3) else {
      Issue.record("it was not taken")
      return
    }
    #expect(record.ordinal == 0)
    #expect(publisher.messages.flatMap(\.commands) == [QueuedCommand(command(), ordinal: 0)])
  }

  @Test func `where nobody knows whether a request was noted, its message says so`() async {
    view.set { $0.losesAnswers = true }
    let answer = await intake.take(command(), partition: 3)
    guard case .accepted(let record?, _, isReplay: false) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(record.ordinal == 1, "its place is taken")
    #expect(publisher.messages.map(\.commands) == [[QueuedCommand(command(), ordinal: 0)]])
  }

  @Test func `a command about a reservation is queued with its place, and nothing is noted`() async {
    let release = Command(id: CommandID(9), event: EventID(0xE), action: .release(ReservationID(1)), acceptedAt: present)
    guard case .accepted(nil, _, isReplay: false) = await intake.take(release, partition: 3) else {
      Issue.record("it was not taken")
      return
    }
    #expect(publisher.messages.flatMap(\.commands) == [QueuedCommand(release, ordinal: 1)])
    #expect(view.get { $0.notes } == [])
  }

  @Test func `too long a line takes nobody more, and touches nothing`() async {
    view.set { $0.lines[3] = 2_000_010 }
    view.set { $0.progress[3] = Progress(ordinal: 9, rate: 1000) }
    let answer = await intake.take(command(), partition: 3)
    guard case .refused(Progress(ordinal: 9, rate: 1000)?, backlog: 2_000_001) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(publisher.messages.isEmpty)
    #expect(noted() == nil)
    // One fewer is no trouble.
    view.set { $0.lines[3] = 2_000_009 }
    guard case .accepted = await intake.take(command(), partition: 3) else {
      Issue.record("it was not taken")
      return
    }
  }

  /// As after hours in which all were refused: places were taken, and nothing is queued whose decision would show how far the line is.
  @Test func `a line that seems too long takes one request a second, so that it can be seen that it is not`() async {
    let clock = Mutex(ContinuousClock.now)
    let time = Timekeeper(now: { clock.withLock { $0 } }, sleep: { _ in })
    let intake = Intake.test(view, publisher, time: time)
    view.set { $0.lines[3] = 9_000_000 }
    func isTaken() async -> Bool { if case .accepted = await intake.take(command(), partition: 3) { true } else { false } }
    #expect(await isTaken() == false)
    clock.withLock { $0 += .seconds(1) }
    #expect(await isTaken())
    #expect(await isTaken() == false)
    clock.withLock { $0 += .milliseconds(999) }
    #expect(await isTaken() == false)
    clock.withLock { $0 += .milliseconds(1) }
    #expect(await isTaken())
  }

  @Test func `where something was queued without a note, the view is told that it does not know what is queued`() async throws {
    let unnoted = UnnotedPartitions(view)
    let intake = Intake.test(view, publisher, unnoted)
    let three = Partitioning(count: 3)
    #expect(try await unnoted.knowsWhatIsQueued(three))
    view.set { $0.isAway = true }
    guard case .accepted = await intake.take(command(), partition: 2) else {
      Issue.record("it was not taken")
      return
    }
    view.set { $0.isAway = false }
    // It answers again, and has heard of nothing.
    #expect(try await unnoted.knowsWhatIsQueued(three) == false)
    #expect(view.get { $0.unnoted } == [2])
    // From now on the view itself knows.
    #expect(try await unnoted.knowsWhatIsQueued(three))
  }

  @Test func `the view is told by the next request too, for other gateways`() async {
    view.set { $0.isAway = true }
    _ = await intake.take(command(1), partition: 2)
    view.set { $0.isAway = false }
    _ = await intake.take(command(2), partition: 1)
    #expect(view.get { $0.unnoted } == [2])
  }

  @Test func `a request that is queued already keeps its note when the line has become too long`() async {
    _ = await intake.take(command(), partition: 3)
    let first = noted()
    view.set { $0.lines[3] = 3_000_000 }
    view.set { $0.progress[3] = Progress(ordinal: 0, rate: 1000) }
    guard case .refused = await intake.take(command(), partition: 3) else {
      Issue.record("it was taken")
      return
    }
    #expect(noted() == first)
    #expect(view.get { $0.withdrawn } == [])
  }

  @Test func `requests that come together share messages, one a partition, in their places' order`() async {
    let intake = intake
    let answers = await withTaskGroup(of: (Int, Intake.Answer).self) { group in
      for id in 1...300 {
        let command = command(UInt128(id))
        group.addTask { (id, await intake.take(command, partition: id % 4)) }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    for (id, answer) in answers {
      guard case .accepted(let record?, _, isReplay: false) = answer, record.id == ReservationID(UInt128(id)) else {
        Issue.record("\(id): \(answer)")
        return
      }
    }
    let messages = publisher.messages
    #expect(messages.reduce(0) { $0 + $1.commands.count } == 300)
    for message in messages {
      #expect(message.commands.allSatisfy { Int($0.command.id.rawValue) % 4 == message.partition })
      let ordinals = message.commands.map(\.ordinal)
      #expect(ordinals == Array(ordinals[0]..<(ordinals[0] + Int64(ordinals.count))))
    }
    for partition in 0..<4 {
      let ordinals = messages.filter { $0.partition == partition }.flatMap { $0.commands.map(\.ordinal) }
      #expect(Set(ordinals) == Set(1...75))
    }
  }

  @Test func `one partition's refusal is not another's`() async {
    view.set { $0.lines[1] = 3_000_000 }
    view.set { $0.progress[1] = Progress(ordinal: 0, rate: 1) }
    async let refused = intake.take(command(1), partition: 1)
    async let taken = intake.take(command(2), partition: 2)
    guard case (.refused, .accepted) = (await refused, await taken) else {
      Issue.record("\(await refused) \(await taken)")
      return
    }
    #expect(publisher.messages.map(\.partition) == [2])
  }
}

extension Intake {
  fileprivate static func test(
    _ view: FakeView, _ publisher: any CommandPublisher, _ unnoted: UnnotedPartitions? = nil, time: Timekeeper = .system
  ) -> Intake {
    Intake(
      view: view, unnoted: unnoted ?? UnnotedPartitions(view), publisher: publisher, metrics: MetricRegistry(), time: time,
      executor: globalConcurrentExecutor, logger: .silent)
  }
}

/// Does something else before it answers.
private struct PublisherWithMeanwhile: CommandPublisher {
  let outcome: PublishOutcome
  let meanwhile: @Sendable () async -> Void

  func publish(_ commands: [Int: [QueuedCommand]]) async -> [Int: PublishOutcome] {
    await meanwhile()
    return commands.mapValues { _ in outcome }
  }

  func obstacle() async -> String? { nil }
}
