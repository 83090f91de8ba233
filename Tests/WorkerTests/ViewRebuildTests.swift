import BackendsTestSupport
import Pipeline
import TestSupport
import Testing
import Ticketing

@testable import Worker

struct ViewRebuildTests {
  private let event = EventRecord.onSale([.seated(rows: 2, of: 10), .standing(50)]).event
  private let view = FakeView()
  private let partitioning = Partitioning(count: 3)

  private func rebuild(_ journal: any Journal) -> ViewRebuild {
    ViewRebuild(view: view, journal: journal, partitioning: partitioning, logger: quietLogger)
  }

  @Test func `what is wrong in the view is written again, and the view is complete`() async throws {
    let journal = FakeJournal(event)
    let command = Command.reserve(seats: [1, 2], event: event.id)
    try journal.decideElsewhere([command])
    // The version is right, so nobody would look; the rest is not.
    let damage = ViewChange(
      event: event.id, fromVersion: 0, toVersion: 1, reservations: [], availability: nil, seats: .some([]),
      writesCustomersLists: false)
    _ = try await view.project([damage], partition: 0, progress: nil)
    var shown = (events: 0, decisions: 0)
    try await rebuild(journal).run { shown = (shown.events + $0, shown.decisions + $1) }
    #expect(shown == (1, 1))
    #expect(view.reservation(command.reservation)?.status == .held)
    #expect(view.letters(of: event, 0) == "ahh" + String(repeating: "a", count: 17))
    #expect((0..<3).allSatisfy { view.isComplete($0) })
  }

  @Test func `a version that the journal does not have is taken back`() async throws {
    let journal = FakeJournal(event)
    try journal.decideElsewhere([.reserve(event: event.id)])
    let damage = ViewChange(
      event: event.id, fromVersion: 0, toVersion: 9, reservations: [], availability: nil, seats: .some([]),
      writesCustomersLists: false)
    _ = try await view.project([damage], partition: 0, progress: nil)
    try await rebuild(journal).rebuild(event.id) { _, _ in }
    #expect(view.version(of: event) == 1)
  }

  @Test func `what is decided and shown meanwhile is not replaced by what is older`() async throws {
    let journal = RacingJournal(FakeJournal(event))
    let first = Command.reserve(seats: [1], event: event.id)
    try journal.fake.decideElsewhere([first])
    let (view, event) = (view, event)
    // After the journal was read and before it is projected, a worker releases the seat and brings the view to the present.
    journal.afterNextChanges { _ in
      try? journal.fake.decideElsewhere([.release(first.reservation, event: event.id)])
      let catchUp = ViewCatchUp(view: view, journal: journal.fake, partitioning: partitioning, logger: quietLogger)
      _ = try? await catchUp.catchUp(event.id, from: 0)
    }
    try await rebuild(journal).rebuild(event.id) { _, _ in }
    #expect(view.version(of: event) == 2 && view.reservation(first.reservation)?.status == .released)
  }

  @Test func `a view that is emptied meanwhile is compared again`() async throws {
    let journal = FakeJournal(event)
    try journal.decideElsewhere([.reserve(event: event.id)])
    view.beforeNextVersions { [view] in view.wipe() }
    try await rebuild(journal).run { _, _ in }
    #expect(view.version(of: event) == 1 && (0..<3).allSatisfy { view.isComplete($0) })
  }

  @Test func `a journal that is away for a moment is waited for`() async throws {
    let journal = FakeJournal(event)
    try journal.decideElsewhere([.reserve(event: event.id)])
    journal.cause(.away(calls: 2))
    try await rebuild(journal).run { _, _ in }
    #expect(view.version(of: event) == 1)
  }
}
