import Pipeline
import TestSupport
import Testing
import Ticketing

/// The journal is the truth: from its bytes alone, every state and every hash comes back.
struct ReplayTests {
  @Test(arguments: 0..<30)
  func `a history replays from its bytes to the same state and the same hashes`(seed: UInt64) throws {
    var sale = RandomSale(seed: seed)
    let (journal, state) = sale.history(of: 120)

    var replayed = EventState(event: sale.event)
    var head = HashChain.origin(of: sale.event)
    for stored in journal {
      let command = try decoded(stored.command) { reader throws(CodingFailure) in try reader.readCommand() }
      let outcome = try decoded(stored.outcome) { reader throws(CodingFailure) in try reader.readOutcome() }
      let decision = Decision(version: stored.version, command: command, decidedAt: stored.decidedAt, outcome: outcome)
      // The decision is what the decider decides again, given the state so far.
      try #require(decide(command, given: replayed, at: stored.decidedAt) == decision, "decision \(stored.version)")
      try replayed.replay(decision)
      head = JournalEntry(decision, after: head, sequence: 0).hash
      try #require(head == stored.hash, "decision \(stored.version)")
    }
    #expect(replayed == state)
  }

  @Test func `a history with a decision left out, moved or changed has other hashes`() throws {
    var sale = RandomSale(seed: 99)
    let (journal, _) = sale.history(of: 20)
    func head(_ entries: [StoredEntry]) -> HashChain.Hash {
      entries.reduce(HashChain.origin(of: sale.event)) {
        HashChain.next(
          after: $0, version: $1.version, decidedAt: $1.decidedAt, command: $1.command, outcome: $1.outcome)
      }
    }
    let truth = head(journal)
    #expect(truth == journal.last?.hash)
    for index in journal.indices {
      var without = journal
      without.remove(at: index)
      #expect(head(without) != truth)
      var changed = journal
      changed[index].decidedAt.microseconds += 1
      #expect(head(changed) != truth)
      if index > 0 {
        var swapped = journal
        swapped.swapAt(index - 1, index)
        #expect(head(swapped) != truth)
      }
    }
  }
}

/// A decision as the database keeps it.
struct StoredEntry {
  var version: Int64
  var decidedAt: Timestamp
  var command: [UInt8]
  var outcome: [UInt8]
  var hash: HashChain.Hash
}

/// Draws an event, and commands that are mostly sensible.
private struct RandomSale {
  let event: Event
  private var generator: SeededGenerator
  private var now = Timestamp(microseconds: 1_900_000_000_000_000)
  private var lastID: UInt128 = 0

  init(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let price = Money(amount: 3200, currency: "EUR")
    event = Event(
      id: EventID(0xE), status: .published, salesOpenAt: now, salesCloseAt: now.adding(seconds: 100), holdSeconds: 10,
      maxExtensions: Int.random(in: 0...2, using: &generator), maxTicketsPerCustomer: 8,
      sections: [
        Section(id: "floor", name: "Floor", kind: .generalAdmission(capacity: 20), price: price),
        Section(
          id: "block-a", name: "Block A",
          kind: .seated(rows: [Row(name: "A", seats: 8, aislesAfter: [4]), Row(name: "B", seats: 9)]), price: price),
      ])
    self.generator = generator
  }

  /// So many decisions in a row, as the journal keeps them, and the state after the last.
  mutating func history(of count: Int) -> (journal: [StoredEntry], state: EventState) {
    var state = EventState(event: event)
    var head = HashChain.origin(of: event)
    var journal: [StoredEntry] = []
    for _ in 0..<count {
      let decision = decide(nextCommand(live: state.reservations.map(\.id)), given: state, at: now)
      let entry = JournalEntry(decision, after: head, sequence: decision.version)
      state.apply(decision)
      head = entry.hash
      journal.append(
        StoredEntry(
          version: decision.version, decidedAt: decision.decidedAt, command: entry.command, outcome: entry.outcome,
          hash: entry.hash))
    }
    return (journal, state)
  }

  private mutating func nextCommand(live: [ReservationID]) -> Command {
    now = now.adding(seconds: Int.random(in: -1...2, using: &generator))
    lastID += 1
    let known = live.randomElement(using: &generator) ?? ReservationID(lastID)
    let action: Command.Action =
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: .extend(known)
      case 1: .release(known)
      case 2: .expire(known)
      default:
        .reserve(
          Command.Request(
            customer: CustomerID(UInt128(Int.random(in: 1...6, using: &generator))), selection: selection(),
            fallbacks: generator.oneIn(3) ? [selection()] : []))
      }
    return Command(id: CommandID(lastID), event: event.id, action: action, acceptedAt: now)
  }

  private mutating func selection() -> Selection {
    if generator.oneIn(3) { return .seats([SeatIndex.random(in: 0..<18, using: &generator)]) }
    return .best(
      section: Int.random(in: 0...2, using: &generator), quantity: Int.random(in: 1...5, using: &generator),
      adjacent: Bool.random(using: &generator))
  }
}
