import BackendsTestSupport
import Pipeline
import Synchronization
import TestSupport
import Testing
import Ticketing

@testable import Worker

struct ViewKeeperTests {
  private let event = EventRecord.onSale([.seated(rows: 2, of: 10), .standing(50)]).event
  private let view = FakeView()
  private let queue = FakeQueue()

  private func keeping(
    _ journal: any Journal, _ partitioning: Partitioning = Partitioning(count: 1), time: Timekeeper = .system,
    _ body: (ViewKeeper) async throws -> Void
  ) async throws {
    let keeper = ViewKeeper(
      view: view, queue: queue, journal: journal, partitioning: partitioning, time: time, logger: quietLogger)
    for partition in 0..<partitioning.count { await keeper.adopt(partition) }
    try await withThrowingTaskGroup { group in
      group.addTask { await keeper.run() }
      defer { group.cancelAll() }
      try await body(keeper)
    }
  }

  /// Decides in the journal, and gives how the view would get to know it.
  private func change(_ journal: FakeJournal, _ command: Command) throws -> ViewChange {
    try journal.decideElsewhere([command])
    guard let state = journal.current(event)?.state else { throw DidNotDecide() }
    return ViewChange(
      event: event.id, fromVersion: state.version - 1, toVersion: state.version, reservations: [],
      availability: Availability(version: state.version, sections: state.sectionCounts), seats: .some([]),
      writesCustomersLists: false)
  }

  private struct DidNotDecide: Error {}

  @Test func `a partition that is taken over is brought up to the journal`() async throws {
    let journal = FakeJournal(event)
    let command = Command.reserve(seats: [1, 2], event: event.id)
    try journal.decideElsewhere([command])
    try await keeping(journal) { _ in
      try await eventually("complete") { view.isComplete(0) }
      #expect(view.version(of: event) == 1 && view.letters(of: event, 0) == "ahh" + String(repeating: "a", count: 17))
      #expect(view.reservation(command.reservation)?.status == .held)
    }
  }

  @Test func `a partition that is taken over is compared, also where its view is known to be complete`() async throws {
    let journal = FakeJournal(event)
    try await view.markComplete(0, since: view.beginComparison(of: 0))
    // The former owner's last decision, which it did not come to show.
    try journal.decideElsewhere([.reserve(event: event.id)])
    try await keeping(journal) { _ in
      try await eventually("it is shown") { view.version(of: event) == 1 }
    }
  }

  @Test func `a view that lacks more than is read at a time is complete only with every reservation`() async throws {
    let event = EventRecord.onSale([.standing(10_000)]).event
    let journal = FakeJournal(event)
    var settler = Settler(journal: journal, now: wallClock, logger: quietLogger)
    let commands = (0..<2 * ViewCatchUp.piece + 1).map { _ in QueuedCommand(.reserve(event: event.id), ordinal: 1) }
    _ = try await settler.settle(commands, mayBeDecided: false)
    try await keeping(journal) { _ in
      try await eventually("complete") { view.isComplete(0) }
      #expect(view.version(of: event) == Int64(commands.count))
      let missing = commands.filter { view.reservation($0.command.reservation) == nil }
      #expect(missing.isEmpty)
    }
  }

  @Test func `a gap is filled from the journal`() async throws {
    let journal = FakeJournal(event)
    try await keeping(journal) { keeper in
      try await eventually("complete") { view.isComplete(0) }
      _ = try change(journal, .reserve(event: event.id))
      await keeper.project([try change(journal, .reserve(event: event.id))], partition: 0, progress: nil)
      #expect(view.version(of: event) == 0, "it must not be shown before what precedes it")
      try await eventually("caught up") { view.version(of: event) == 2 }
    }
  }

  @Test func `a wiped view is restored`() async throws {
    let journal = FakeJournal(event)
    for _ in 0..<5 { try journal.decideElsewhere([.reserve(2, event: event.id)]) }
    try await keeping(journal) { _ in
      for _ in 0..<3 {
        try await eventually("complete") { view.isComplete(0) }
        #expect(view.version(of: event) == 5 && view.availability(of: event)?.sections[0].held == 10)
        view.wipe()
      }
    }
  }

  @Test func `what is queued is unknown to a wiped view until the mark behind it is delivered`() async throws {
    let journal = FakeJournal(event)
    queue.publish([QueuedCommand(.reserve(event: event.id), ordinal: 1)])
    view.wipe()
    try await keeping(journal) { keeper in
      try await eventually("complete") { view.isComplete(0) }
      let subscription = try await queue.subscribe(to: 0)
      var deliveries: [Delivery] = []
      try await eventually("the mark") {
        deliveries += try await subscription.take(9, waitingAtMost: .zero)
        return deliveries.count == 2
      }
      #expect(deliveries[0].mark == nil && !view.isNoted(0))
      let mark = try #require(deliveries[1].mark)
      view.wipe()
      await keeper.noteMark(mark, in: 0)
      #expect(!view.isNoted(0), "it is older than the view")
      try await eventually("the next mark") {
        deliveries += try await subscription.take(9, waitingAtMost: .zero)
        return deliveries.count == 3
      }
      await keeper.noteMark(try #require(deliveries[2].mark), in: 0)
      #expect(view.isNoted(0))
    }
  }

  /// A thousand times as fast as it is, and how often somebody slept.
  private final class FastTime: Sendable {
    private let start = ContinuousClock.now
    private let count = Atomic(0)

    var sleeps: Int { count.load(ordering: .relaxed) }
    var keeper: Timekeeper {
      Timekeeper(
        now: { [start] in start + (ContinuousClock.now - start) * 1000 },
        sleep: { [self] _ in
          count.add(1, ordering: .relaxed)
          try await Task.sleep(for: .milliseconds(1))
        })
    }
  }

  @Test func `a view that is wrong although nothing says so is put right`() async throws {
    let journal = FakeJournal(event)
    try journal.decideElsewhere([.reserve(event: event.id)])
    try await keeping(journal, time: FastTime().keeper) { _ in
      try await eventually("complete") { view.isComplete(0) }
      try await view.forget(event.id)
      try await eventually("as it was") { view.version(of: event) == 1 }
    }
  }

  @Test func `a mark is not made worthless on its way through a long queue`() async throws {
    let journal = FakeJournal(event)
    let time = FastTime()
    view.wipe()
    try await keeping(journal, time: time.keeper) { keeper in
      let subscription = try await queue.subscribe(to: 0)
      var deliveries: [Delivery] = []
      try await eventually("the mark") {
        deliveries += try await subscription.take(1, waitingAtMost: .zero)
        return !deliveries.isEmpty
      }
      // Many minutes of the keeper's time.
      let slept = time.sleeps
      try await eventually("it has looked often") { time.sleeps > slept + 500 }
      await keeper.noteMark(try #require(deliveries.first?.mark), in: 0)
      #expect(view.isNoted(0))
    }
  }

  @Test func `a view that is wiped while it is being compared is not called complete`() async throws {
    let journal = FakeJournal(event)
    for _ in 0..<3 { try journal.decideElsewhere([.reserve(event: event.id)]) }
    let view = view
    // It has the answer that all is there, and then nothing is.
    _ = try await view.project(
      [
        ViewChange(
          event: event.id, fromVersion: 0, toVersion: 3, reservations: [], availability: nil, seats: .some([]),
          writesCustomersLists: false)
      ], partition: 0, progress: nil)
    view.beforeNextVersions { view.wipe() }
    try await keeping(journal) { _ in
      try await eventually("complete") { view.isComplete(0) }
      #expect(view.version(of: event) == 3)
    }
  }

  @Test func `decisions made while the view catches up are all shown in the end`() async throws {
    let journal = RacingJournal(FakeJournal(event))
    for _ in 0..<3 { try journal.fake.decideElsewhere([.reserve(event: event.id)]) }
    let keeper = ViewKeeper(view: view, queue: queue, journal: journal, partitioning: Partitioning(count: 1), logger: quietLogger)
    // Between the reading of the journal and the projection, a fourth decision is made and finds the gap.
    let event = event
    journal.afterNextChanges { [self] _ in
      guard let late = try? self.change(journal.fake, .reserve(event: event.id)) else { return }
      await keeper.project([late], partition: 0, progress: nil)
    }
    await keeper.suspect([event.id])
    try await withThrowingTaskGroup { group in
      group.addTask { await keeper.run() }
      defer { group.cancelAll() }
      try await eventually("caught up") { view.version(of: event) == 4 }
    }
  }

  @Test func `a batch that is shown late does not hide the seats that the view is being brought up to`() async throws {
    let journal = RacingJournal(FakeJournal(event))
    let commands = (0..<5).map { Command.reserve(seats: [SeatIndex($0)], event: event.id) }
    try journal.fake.decideElsewhere(commands)
    let keeper = ViewKeeper(
      view: view, queue: queue, journal: journal, partitioning: Partitioning(count: 1), catchUpPiece: 2, logger: quietLogger)
    let state = try #require(journal.fake.current(event)?.state)
    // The two decisions behind the first piece, by a worker that was held up: they fit when that piece is written.
    let late = ViewChange(
      event: event.id, fromVersion: 2, toVersion: 4, reservations: [],
      availability: Availability(version: 4, sections: state.sectionCounts),
      seats: .some([2, 3].map { (0, $0, SeatLetter.held) }), writesCustomersLists: false)
    view.afterNextProjection { await keeper.project([late], partition: 0, progress: nil) }
    await keeper.suspect([event.id])
    try await withThrowingTaskGroup { group in
      group.addTask { await keeper.run() }
      defer { group.cancelAll() }
      try await eventually("caught up") { view.version(of: event) == 5 }
    }
    #expect(view.letters(of: event, 0) == "hhhhh" + String(repeating: "a", count: 15))
  }

  @Test func `a note of a request that was decided long ago is replaced`() async throws {
    let journal = FakeJournal(event)
    let command = Command.reserve(event: event.id)
    try journal.decideElsewhere([command])
    try await keeping(journal) { keeper in
      try await eventually("complete") { view.isComplete(0) }
      view.note(command)
      var settler = Settler(journal: journal, now: wallClock, logger: quietLogger)
      let settlement = try await settler.settle([QueuedCommand(command, ordinal: 2)], mayBeDecided: true)
      #expect(settlement.repeated == [command.reservation])
      await keeper.noteRepeated(settlement.repeated, in: 0)
      try await eventually("decided") { view.reservation(command.reservation)?.status == .held }
    }
  }

  @Test func `an event whose history can't be read holds up no other`() async throws {
    let events = (0..<5).map { _ in EventRecord.onSale([.standing(50)]).event }
    let journal = RacingJournal(FakeJournal(events))
    for event in events { try journal.fake.decideElsewhere([.reserve(event: event.id)]) }
    let two = Partitioning(count: 2)
    let damaged = events[0]
    journal.damage(damaged.id)
    try await keeping(journal, two) { _ in
      let other = 1 - two.partition(of: damaged.id)
      try await eventually("the rest is shown") {
        events.dropFirst().allSatisfy { view.version(of: $0) == 1 } && view.isComplete(other)
      }
      #expect(!view.isComplete(two.partition(of: damaged.id)) && view.version(of: damaged) == 0)
    }
  }

  @Test func `what is being sold is shown before all that ever was`() async throws {
    let events = (0..<20).map { _ in EventRecord.onSale([.standing(50)]).event }
    let journal = RacingJournal(FakeJournal(events))
    for event in events { try journal.fake.decideElsewhere([.reserve(event: event.id)]) }
    let keeper = ViewKeeper(view: view, queue: queue, journal: journal, partitioning: Partitioning(count: 1), logger: quietLogger)
    await keeper.adopt(0)
    let live = Mutex<EventID?>(nil)
    journal.afterNextChanges { first in
      guard let other = events.first(where: { $0.id != first }) else { return }
      live.withLock { $0 = other.id }
      // As it was decided when the view was there, so that it finds a gap.
      let change = ViewChange(
        event: other.id, fromVersion: 7, toVersion: 8, reservations: [], availability: nil, seats: .some([]),
        writesCustomersLists: false)
      await keeper.project([change], partition: 0, progress: nil)
    }
    try await withThrowingTaskGroup { group in
      group.addTask { await keeper.run() }
      defer { group.cancelAll() }
      try await eventually("all is shown") { view.isComplete(0) }
    }
    #expect(journal.eventsAsked[1] == live.withLock { $0 })
  }
}
