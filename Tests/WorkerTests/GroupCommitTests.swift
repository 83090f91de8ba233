import BackendsTestSupport
import BlockingThread
import Pipeline
import Synchronization
import Testing
import Ticketing

@testable import Worker

/// `Task.immediate` runs until its first suspension before it returns, so that whoever commits is known to wait.
struct GroupCommitTests {
  private let events = (0..<4).map { _ in EventRecord.onSale([.standing(1000)]).event }

  /// What a worker commits that decided these commands of an event.
  private func batch(_ commands: [Command], of event: Event) -> EventBatch {
    var loaded = LoadedEvent(state: EventState(event: event), head: HashChain.origin(of: event))
    var draft = DraftBatch(loaded)
    for command in commands {
      let decision = decide(command, given: loaded.state, at: wallClock())
      draft.add(decision, existing: nil)
      loaded.state.apply(decision)
    }
    return draft.finished(leadingTo: loaded)
  }

  private func commit(_ batch: EventBatch, to journal: GroupCommit) -> Task<JournalFailure?, Never> {
    Task.immediate {
      do throws(JournalFailure) {
        _ = try await journal.commit([batch])
        return nil
      } catch {
        return error
      }
    }
  }

  /// Commits that are ready at the same moment on one thread, and what became of each.
  private func commitTogether(_ batches: [EventBatch], to journal: GroupCommit) async -> [JournalFailure?] {
    let thread = TaskThread(name: "partitions")
    let barrier = Barrier()
    let commits = barrier.mutex.withLock { _ in
      // Until all are there.
      Task(executorPreference: thread) { barrier.mutex.withLock { _ in } }
      return batches.map { batch in Task(executorPreference: thread) { await commit(batch, to: journal).value } }
    }
    var failures: [JournalFailure?] = []
    for commit in commits { failures.append(await commit.value) }
    return failures
  }

  private final class Barrier: Sendable {
    let mutex = Mutex(())
  }

  @Test func `partitions that are ready at the same moment share a transaction`() async throws {
    let tables = FakeJournal(events[0], events[1], events[2], events[3])
    let journal = GroupCommit(tables)
    let failures = await commitTogether(events.map { batch([.reserve(event: $0.id)], of: $0) }, to: journal)
    #expect(failures.allSatisfy { $0 == nil })
    #expect(tables.commits.map(\.count) == [4])
    for event in events { #expect(tables.decisions(of: event).count == 1) }
  }

  @Test func `a shared transaction has its events in their order, whichever comes first`() async throws {
    let tables = FakeJournal(events)
    let journal = GroupCommit(tables)
    let backwards = events.sorted { $0.id > $1.id }
    let failures = await commitTogether(backwards.map { batch([.reserve(event: $0.id)], of: $0) }, to: journal)
    #expect(failures.allSatisfy { $0 == nil })
    #expect(tables.commits.map { $0.map(\.event) } == [backwards.reversed().map(\.id)])
  }

  @Test(.timeLimit(.minutes(1))) func `partitions that commit while a transaction is under way share the next`() async throws {
    let tables = FakeJournal(events[0], events[1], events[2], events[3])
    let gate = GatedJournal(tables)
    let journal = GroupCommit(gate)
    gate.hold()
    let first = commit(batch([.reserve(event: events[0].id)], of: events[0]), to: journal)
    await gate.isReached()
    let others = events.dropFirst().map { commit(batch([.reserve(event: $0.id)], of: $0), to: journal) }
    gate.open()
    for commit in [first] + others { #expect(await commit.value == nil) }
    #expect(tables.commits.map(\.count) == [1, 3])
    for event in events { #expect(tables.decisions(of: event).count == 1) }
  }

  @Test func `what is refused for one partition's sake is committed for the others`() async throws {
    let tables = FakeJournal(events[0], events[1], events[2], events[3])
    let journal = GroupCommit(tables)
    let culprit = Command.reserve(event: events[2].id)
    tables.cause(.refused(culprit.id))
    let batches = events.map { event in batch([event == events[2] ? culprit : .reserve(event: event.id)], of: event) }
    var refused: [Int] = []
    for (index, failure) in await commitTogether(batches, to: journal).enumerated() {
      guard let failure else { continue }
      if case .refused = failure { refused.append(index) } else { Issue.record("\(failure)") }
    }
    #expect(refused == [2])
    #expect(events.map { tables.decisions(of: $0).count } == [1, 1, 0, 1])
  }

  @Test(.timeLimit(.minutes(1)))
  func `after a shared transaction without an answer nobody waits for another's for a while`() async throws {
    let tables = FakeJournal(events[0], events[1], events[2], events[3])
    let gate = GatedJournal(tables)
    // No time passes: on a busy machine the while could be over before the test has looked.
    let began = ContinuousClock.now
    let journal = GroupCommit(gate, time: Timekeeper(now: { began }, sleep: Timekeeper.system.sleep))
    gate.hold(thenCause: .away(calls: 1))
    let first = commit(batch([.reserve(event: events[0].id)], of: events[0]), to: journal)
    await gate.isReached()
    let others = events[1...2].map { commit(batch([.reserve(event: $0.id)], of: $0), to: journal) }
    gate.open()
    #expect(await first.value == nil)
    for commit in others {
      guard case .unavailable = await commit.value else {
        Issue.record("it must not be known whether it was written")
        return
      }
    }
    #expect(tables.commits.map(\.count) == [1])

    gate.hold()
    let held = commit(batch([.reserve(event: events[1].id)], of: events[1]), to: journal)
    await gate.isReached()
    for event in events[2...3] { #expect(await commit(batch([.reserve(event: event.id)], of: event), to: journal).value == nil) }
    #expect(tables.decisions(of: events[1]).isEmpty)
    gate.open()
    #expect(await held.value == nil)
  }

  @Test(.timeLimit(.minutes(1))) func `many decisions have a transaction of their own, and wait for no other`() async throws {
    let tables = FakeJournal(events[0], events[1])
    let gate = GatedJournal(tables)
    let journal = GroupCommit(gate)
    gate.hold()
    let held = commit(batch([.reserve(event: events[0].id)], of: events[0]), to: journal)
    await gate.isReached()
    let many = batch((0..<65).map { _ in .reserve(event: events[1].id) }, of: events[1])
    #expect(await commit(many, to: journal).value == nil)
    #expect(tables.decisions(of: events[0]).isEmpty)
    gate.open()
    #expect(await held.value == nil)
  }
}

/// A journal whose next commit waits when the test says so.
private final class GatedJournal: Journal {
  private struct State {
    var holdsNext = false
    var trouble: FakeJournal.Trouble?
    var gate = AsyncStream<Void>.makeStream()
    var reached = AsyncStream<Void>.makeStream()
  }

  private let tables: FakeJournal
  private let state = Mutex(State())

  init(_ tables: FakeJournal) { self.tables = tables }

  /// - Parameter trouble: what goes wrong after the commit that is held.
  func hold(thenCause trouble: FakeJournal.Trouble? = nil) {
    state.withLock { $0 = State(holdsNext: true, trouble: trouble) }
  }

  /// Returns when the commit that is to wait has come.
  func isReached() async { for await _ in state.withLock({ $0.reached.stream }) {} }

  func open() { state.withLock { $0.gate.continuation.finish() } }

  func commit(_ batches: [EventBatch]) async throws(JournalFailure) -> [ReservationRecord] {
    let held = state.withLock { state in
      defer { state.holdsNext = false }
      return state.holdsNext ? (gate: state.gate.stream, trouble: state.trouble) : nil
    }
    guard let held else { return try await tables.commit(batches) }
    state.withLock { $0.reached.continuation.finish() }
    for await _ in held.gate {}
    let updated = try await tables.commit(batches)
    if let trouble = held.trouble { tables.cause(trouble) }
    return updated
  }

  func load(_ events: [EventID]) async throws(JournalFailure) -> [LoadedEvent] { try await tables.load(events) }

  func decided(_ commands: [CommandID]) async throws(JournalFailure) -> Set<CommandID> { try await tables.decided(commands) }

  func reservations(_ ids: [ReservationID]) async throws(JournalFailure) -> [ReservationRecord] {
    try await tables.reservations(ids)
  }

  func changes(of event: EventID, after version: Int64, limit: Int) async throws(JournalFailure) -> JournalChanges {
    try await tables.changes(of: event, after: version, limit: limit)
  }

  func streams(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await tables.streams(of: partition, in: partitioning)
  }

  func streamsWithHolds(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await tables.streamsWithHolds(of: partition, in: partitioning)
  }

  func setAside(_ letters: [DeadLetter]) async throws(JournalFailure) { try await tables.setAside(letters) }
}
