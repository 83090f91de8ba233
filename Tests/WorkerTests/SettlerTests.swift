import BackendsTestSupport
import Pipeline
import Testing
import Ticketing

@testable import Worker

struct SettlerTests {
  private let event = EventRecord.onSale([.seated(rows: 2, of: 10), .standing(5)], holdSeconds: 10).event
  private let clock = TestClock()

  private func settler(_ journal: FakeJournal, cache: EventCache = EventCache()) -> Settler {
    let clock = clock
    return Settler(journal: journal, now: { clock.now }, logger: quietLogger, cache: cache)
  }

  private func queued(_ commands: Command...) -> [QueuedCommand] { commands.map { QueuedCommand($0, ordinal: 1) } }

  @Test func `a hold and its release in one batch leave a released reservation and a free seat`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    let hold = Command.reserve(seats: [3], event: event.id)
    let settlement = try await settler.settle(
      queued(hold, .extend(hold.reservation, event: event.id), .release(hold.reservation, event: event.id)), mayBeDecided: false)

    let batch = try #require(journal.commits.first?.first)
    #expect(journal.commits.count == 1 && batch.entries.count == 3)
    #expect(batch.takenSeats.isEmpty && batch.freedSeats.isEmpty && batch.changedSections.isEmpty)
    #expect(batch.created.map(\.status) == [.released] && batch.created.map(\.version) == [3] && batch.updated.isEmpty)
    let change = try #require(settlement.changes.first)
    #expect(change.fromVersion == 0 && change.toVersion == 3 && settlement.decisions == 3)
    #expect(change.reservations.first?.expiresAt == nil, "what has ended does not expire")
    #expect(journal.current(event)?.state.reservationCount == 0)
  }

  @Test func `a seat that is freed and taken again in one batch changes its owner`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    let first = Command.reserve(seats: [3, 4], event: event.id)
    _ = try await settler.settle(queued(first), mayBeDecided: false)
    let second = Command.reserve(seats: [4], event: event.id)
    let settlement = try await settler.settle(
      queued(.release(first.reservation, event: event.id), second), mayBeDecided: false)

    let batch = try #require(journal.commits.last?.first)
    #expect(batch.freedSeats == [3, 4] && batch.takenSeats.map(\.seat) == [4] && batch.takenSeats.map(\.sequence) == [3])
    #expect(batch.updated.map(\.status) == [.released] && batch.created.map(\.status) == [.held])
    guard case .some(let letters) = settlement.changes[0].seats else { return #expect(Bool(false), "no seats") }
    #expect(Set(letters.map { "\($0.offset)\(Character(UnicodeScalar($0.letter)))" }) == ["3a", "4h"])
    #expect(settlement.changes[0].reservations.map(\.status) == [.held, .released])
  }

  @Test func `a seat that is taken and freed twice in one batch ends up free`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    let first = Command.reserve(seats: [3], event: event.id)
    let second = Command.reserve(seats: [3], event: event.id)
    _ = try await settler.settle(queued(first), mayBeDecided: false)
    let settlement = try await settler.settle(
      queued(.release(first.reservation, event: event.id), second, .release(second.reservation, event: event.id)),
      mayBeDecided: false)
    #expect(journal.commits.last?.first?.freedSeats == [3] && journal.commits.last?.first?.takenSeats.isEmpty == true)
    guard case .some(let letters) = settlement.changes[0].seats else { return #expect(Bool(false), "no seats") }
    #expect(letters.map(\.letter) == [SeatLetter.available])
  }

  @Test func `a command that comes twice in a batch, again later and again after a takeover is decided once`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    let command = Command.reserve(2, of: 1, event: event.id)
    _ = try await settler.settle(queued(command, command), mayBeDecided: false)
    _ = try await settler.settle(queued(command), mayBeDecided: false)
    let redelivered = try await settler.settle(queued(command), mayBeDecided: true)
    #expect(redelivered.suspects == [event.id], "its outcome may never have been shown")
    var successor = self.settler(journal)
    let afterTakeover = try await successor.settle(queued(command), mayBeDecided: false)
    #expect(afterTakeover.suspects == [event.id] && afterTakeover.changes.isEmpty)
    #expect(journal.decisions(of: event).count == 1)
  }

  @Test func `a command that was forgotten is found in the journal`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    let old = Command.reserve(event: event.id)
    _ = try await settler.settle(queued(.reserve(event: event.id)), mayBeDecided: false)
    // Somebody else decides it, which this settler has no way to know.
    try journal.decideElsewhere([old], at: clock.now)
    let new = Command.reserve(event: event.id)
    _ = try await settler.settle(queued(old, new), mayBeDecided: false)
    #expect(journal.decisions(of: event).map(\.command.id).suffix(2) == [old.id, new.id])
    #expect(journal.decisions(of: event).count == 3)
  }

  @Test func `where somebody else has decided, the event is loaded again and the decisions follow on theirs`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    _ = try await settler.settle(queued(.reserve(seats: [0], event: event.id)), mayBeDecided: false)
    let theirs = Command.reserve(seats: [5], event: event.id)
    journal.cause(.overtaken(by: [theirs]))
    let ours = Command.reserve(seats: [5], event: event.id)
    let settlement = try await settler.settle(queued(ours), mayBeDecided: false)
    #expect(journal.decisions(of: event).map(\.command.id).suffix(2) == [theirs.id, ours.id])
    #expect(settlement.changes.first?.reservations.first?.rejection == .seatsTaken([5]))
    #expect(settlement.changes.first?.fromVersion == 2 && settlement.suspects == [event.id])
  }

  @Test func `a worker that decides the same after a conflict gets the same result`() async throws {
    let journal = FakeJournal(event)
    let other = FakeJournal(event)
    let commands = queued(.reserve(3, event: event.id), .reserve(2, of: 1, event: event.id), .reserve(20, event: event.id))
    var settler = settler(journal)
    var undisturbed = self.settler(other)
    journal.cause(.away(calls: 2))
    _ = try await settler.settle(commands, mayBeDecided: false)
    _ = try await undisturbed.settle(commands, mayBeDecided: false)
    #expect(journal.decisions(of: event) == other.decisions(of: event))
    #expect(journal.current(event)?.head == other.current(event)?.head)
  }

  @Test func `while the journal is away the batch is tried again until it is back`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    journal.cause(.away(calls: 3))
    let settlement = try await settler.settle(queued(.reserve(event: event.id)), mayBeDecided: false)
    #expect(settlement.decisions == 1 && journal.decisions(of: event).count == 1)
  }

  @Test func `a settler that is given up while the journal is away stops trying`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    journal.cause(.away(calls: .max))
    await #expect(throws: CancellationError.self) {
      _ = try await settler.settle(queued(.reserve(event: event.id)), mayBeDecided: false) { true }
    }
    #expect(journal.decisions(of: event).isEmpty)
  }

  @Test func `a commit whose answer is lost is not repeated, and the view is told to look`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    journal.cause(.answerLost)
    let command = Command.reserve(2, event: event.id)
    let settlement = try await settler.settle(queued(command), mayBeDecided: false)
    #expect(journal.decisions(of: event).count == 1 && settlement.decisions == 0)
    #expect(settlement.suspects == [event.id])
    let next = try await settler.settle(queued(.reserve(event: event.id)), mayBeDecided: false)
    #expect(next.changes.first?.fromVersion == 1)
  }

  @Test func `expiries whose commit's answer is lost are not repeated, and the view is told to look`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    _ = try await settler.settle(queued(.reserve(event: event.id)), mayBeDecided: false)
    clock.advance(seconds: 11)
    journal.cause(.answerLost)
    let settlement = try await settler.settle([], mayBeDecided: false)
    #expect(journal.decisions(of: event).map(\.outcome).last == .expired && journal.decisions(of: event).count == 2)
    #expect(settlement.suspects == [event.id] && settler.cache.nextExpiry == nil)
  }

  @Test func `holds expire in their order, before the commands of the same batch`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    let first = Command.reserve(seats: [0], event: event.id)
    let second = Command.reserve(seats: [1], event: event.id)
    _ = try await settler.settle(queued(first), mayBeDecided: false)
    clock.advance(seconds: 1)
    _ = try await settler.settle(queued(second), mayBeDecided: false)
    clock.advance(seconds: 30)
    let taker = Command.reserve(seats: [0, 1], event: event.id)
    _ = try await settler.settle(queued(taker), mayBeDecided: false)
    let last = journal.decisions(of: event).suffix(3)
    #expect(last.map(\.command.reservation) == [first.reservation, second.reservation, taker.reservation])
    #expect(last.prefix(2).map(\.outcome) == [.expired, .expired])
    guard case .held = last.last?.outcome else { return #expect(Bool(false), "\(String(describing: last.last))") }
    #expect(journal.commits.count == 3)
  }

  @Test func `no more holds expire in one batch than may, and the rest in the next`() async throws {
    let crowd = Settler.maximumExpiries + 40
    let event = EventRecord.onSale([.standing(10_000)], holdSeconds: 10).event
    let journal = FakeJournal(event)
    var settler = settler(journal)
    for _ in 0..<crowd { _ = try await settler.settle(queued(.reserve(event: event.id)), mayBeDecided: false) }
    clock.advance(seconds: 11)
    #expect(try await settler.settle([], mayBeDecided: false).decisions == Settler.maximumExpiries)
    #expect(settler.cache.nextExpiry != nil)
    #expect(try await settler.settle([], mayBeDecided: false).decisions == 40)
    #expect(try await settler.settle([], mayBeDecided: false).decisions == 0)
    #expect(settler.cache.nextExpiry == nil)
  }

  @Test func `holds of an event that is not loaded expire too`() async throws {
    let journal = FakeJournal(event)
    try journal.decideElsewhere([.reserve(event: event.id)], at: clock.now)
    var settler = settler(journal)
    settler.takeOver(try await journal.streamsWithHolds(of: 0, in: Partitioning(count: 1)))
    clock.advance(seconds: 11)
    #expect(try await settler.settle([], mayBeDecided: false).decisions == 1)
  }

  @Test func `holds that the former owner gives after the takeover expire too`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    settler.takeOver(try await journal.streamsWithHolds(of: 0, in: Partitioning(count: 1)))
    _ = try await settler.settle(queued(.reserve(event: event.id)), mayBeDecided: false)
    try journal.decideElsewhere([.release(journal.decisions(of: event)[0].command.reservation, event: event.id)], at: clock.now)
    try journal.decideElsewhere([.reserve(event: event.id)], at: clock.now.adding(seconds: -5))
    settler.takeOver(try await journal.streamsWithHolds(of: 0, in: Partitioning(count: 1)))
    clock.advance(seconds: 11)
    #expect(try await settler.settle([], mayBeDecided: false).decisions == 1)
    #expect(journal.decisions(of: event).last?.outcome == .expired && settler.cache.nextExpiry == nil)
  }

  @Test func `a hold that the former owner gives of an event that is in memory without holds expires too`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    _ = try await settler.settle(queued(.release(random(), event: event.id)), mayBeDecided: false)
    try journal.decideElsewhere([.reserve(event: event.id)], at: clock.now)
    settler.takeOver(try await journal.streamsWithHolds(of: 0, in: Partitioning(count: 1)))
    clock.advance(seconds: 11)
    #expect(try await settler.settle([], mayBeDecided: false).decisions == 1)
  }

  @Test func `a command for an unknown event is told apart, and its neighbours are decided`() async throws {
    let journal = FakeJournal(event)
    var settler = settler(journal)
    let stray = Command.reserve(event: random())
    let settlement = try await settler.settle(queued(.reserve(event: event.id), stray), mayBeDecided: false)
    #expect(settlement.undecidable.map(\.command.command) == [stray] && settlement.decisions == 1)
  }

  @Test func `a batch of more events than stay in memory is decided, whichever of their holds are over`() async throws {
    let events = (0..<512).map { _ in EventRecord.onSale([.standing(5)], holdSeconds: 10).event }
    let journal = FakeJournal(events)
    var settler = settler(journal, cache: EventCache(minimumEvents: 256, maximumBytes: 0))
    for _ in 0..<2 {
      let commands = events.map { QueuedCommand(.reserve(event: $0.id), ordinal: 1) }
      let settlement = try await settler.settle(commands, mayBeDecided: false)
      #expect(settlement.undecidable.isEmpty && settlement.changes.count == events.count)
      clock.advance(seconds: 10)
    }
    // Half of the first ones are left of the second batch. Now all are over, and any command comes with some of them.
    var rounds = 0
    while !events.allSatisfy({ journal.current($0)?.state.reservationCount == 0 }) {
      let settlement = try await settler.settle(
        queued(.release(random(), event: events[rounds % events.count].id)), mayBeDecided: false)
      #expect(settlement.undecidable.isEmpty && settlement.decisions <= Settler.maximumExpiries + 1)
      rounds += 1
    }
    #expect(rounds == 3)
  }

  @Test func `what a batch needs is loaded together, and stays for the next one`() async throws {
    let events = (0..<1000).map { _ in EventRecord.onSale([.standing(5)]).event }
    let journal = FakeJournal(events)
    var settler = settler(journal)
    for _ in 0..<2 {
      let commands = events.map { QueuedCommand(.reserve(event: $0.id), ordinal: 1) }
      let settlement = try await settler.settle(commands, mayBeDecided: false)
      #expect(settlement.changes.count == events.count)
    }
    #expect(journal.loads.map(\.count) == Array(repeating: 64, count: 15) + [40])
    #expect(Set(journal.loads.joined()) == Set(events.map(\.id)))
  }

  @Test func `a batch of several events is one transaction`() async throws {
    let other = EventRecord.onSale([.standing(3)]).event
    let journal = FakeJournal(event, other)
    var settler = settler(journal)
    let settlement = try await settler.settle(
      queued(.reserve(event: event.id), .reserve(event: other.id), .reserve(event: event.id)), mayBeDecided: false)
    #expect(journal.commits.count == 1 && journal.commits[0].count == 2)
    #expect(Set(settlement.changes.map(\.event)) == [event.id, other.id])
  }
}
