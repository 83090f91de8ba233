import Logging
import Pipeline
import Ticketing

/// What a batch of commands led to, committed.
struct Settlement {
  /// How the view gets to know it.
  var changes: [ViewChange] = []
  var decisions = 0
  /// Commands that nothing can be decided about.
  var undecidable: [Undecidable] = []
  /// Events for which there may be decisions that `changes` do not have: some of the commands had been decided before, or an attempt
  /// failed. Nobody else may be there to show them.
  var suspects: Set<EventID> = []
  /// Reservations that some of the commands asked for and that had been decided before.
  var repeated: Set<ReservationID> = []
}

/// A command about which nothing can be decided, and why.
struct Undecidable {
  var command: QueuedCommand
  var reason: String
  /// How often it was tried.
  var attempts = 1
}

/// The journal will not take a batch, and would not the next time.
struct Refusal: Error {
  var reason: String
}

/// Decides commands against the events in memory and commits the decisions.
struct Settler {
  /// How many holds expire in one batch, so that the first wave of expiries of a sale doesn't keep its customers waiting.
  static let maximumExpiries = 256
  /// How many events are loaded at once: halls with all their holds take their time, and a statement has only so much.
  static let eventsPerLoad = 64
  /// How often a batch is decided anew that the journal refuses: the first time it may have been decided on memory that was wrong.
  private static let maximumRefusals = 2
  /// How many seconds the expiries of an event wait that the journal refuses.
  private static let refusedExpiryPause = 30

  private let journal: any Journal
  private let now: @Sendable () -> Timestamp
  private let time: Timekeeper
  private let logger: Logger
  private let mark: DecisionWatch.Mark?
  /// Called before each decision, for tests of what must not happen there.
  private let deciding: (@Sendable (Command) -> Void)?
  private(set) var cache: EventCache
  private var recent = RecentCommands()
  /// Whether commands of this partition may have been decided without this settler knowing.
  private var mayBeBehind = true
  /// Of attempts that failed: something may have been committed and never shown.
  private var unshown: Set<EventID> = []
  /// Likewise, of reservations that were decided before.
  private var repeated: Set<ReservationID> = []
  /// Events whose expiries the journal refused, and until when they wait.
  private var refusedExpiries: [EventID: Timestamp] = [:]

  init(
    journal: any Journal, now: @escaping @Sendable () -> Timestamp, time: Timekeeper = .system, logger: Logger,
    mark: DecisionWatch.Mark? = nil, cache: EventCache = EventCache(), deciding: (@Sendable (Command) -> Void)? = nil
  ) {
    self.journal = journal
    self.cache = cache
    self.now = now
    self.time = time
    self.logger = logger
    self.mark = mark
    self.deciding = deciding
  }

  /// When the next hold expires. Nil if there is none, and while those wait that are over.
  var nextExpiry: Timestamp? { refusedExpiries.isEmpty ? cache.nextExpiry : nil }

  /// To be called when somebody else may have written: when the partition is taken over, and now and then afterwards, since the one
  /// who had it before may still be at its last batch.
  /// - Parameter streams: the partition's events that have holds.
  mutating func takeOver(_ streams: [EventStream]) {
    for stream in streams {
      if let known = cache[stream.event] {
        if known.state.version == stream.version { continue }
        cache.forget(stream.event)
      }
      mayBeBehind = true
      cache.noteExpiry(of: stream.event, at: stream.nextExpiry)
    }
  }

  /// Decides the holds whose time is over and then the commands, in this order, and commits all of it in one transaction. A command
  /// that was decided before is left out. Where the transaction fails, the events are forgotten, loaded and decided again.
  /// - Parameter mayBeDecided: whether some of the commands may have been delivered before.
  /// - Parameter isGivenUp: whether to stop trying; asked while the journal is away.
  /// - Throws: ``Refusal`` where the journal will never take the batch, and ``CancellationError``.
  mutating func settle(
    _ commands: [QueuedCommand], mayBeDecided: Bool, isGivenUp: () -> Bool = { false }
  ) async throws -> Settlement {
    if mayBeDecided { mayBeBehind = true }
    var attempt = 0
    var refusals = 0
    while true {
      let due = dueEvents()
      do throws(JournalFailure) {
        return try await attemptOnce(commands, due: due)
      } catch {
        attempt += 1
        switch error {
        case .conflict where attempt == 1: continue
        case .conflict: logger.error("the journal refuses the batch again and again", metadata: ["attempt": "\(attempt)"])
        case .refused where refusals < Self.maximumRefusals:
          refusals += 1
          continue
        case .refused(let reason) where !due.isEmpty:
          // It may be the expiries': without them the commands are not held up.
          refusals = 0
          postponeExpiries(of: due, because: reason)
          continue
        case .refused(let reason): throw Refusal(reason: reason)
        case .unavailable(let reason):
          logger.warning(
            "the journal is away; the batch will be tried again", metadata: ["reason": "\(reason)", "attempt": "\(attempt)"])
        }
        if isGivenUp() { throw CancellationError() }
        try await time.sleep(.milliseconds(min(50 << min(attempt, 5), 1000)))
      }
    }
  }

  /// ``settle(_:mayBeDecided:isGivenUp:)`` without a second try, and with just these events' expiries.
  mutating func attemptOnce(_ commands: [QueuedCommand], due: [EventID]) async throws(JournalFailure) -> Settlement {
    do throws(JournalFailure) {
      let decided = mayBeBehind ? try await journal(decided: commands) : []
      let fresh = decided.isEmpty ? commands : commands.filter { !decided.contains($0.command.id) }
      if !decided.isEmpty { noteRepeated(commands.filter { decided.contains($0.command.id) }) }
      try await load(Set(fresh.map(\.command.event)).union(due))
      let (drafts, undecidable) = decideAll(fresh, due: due)
      let batches = drafts.map { $0.finished(leadingTo: loaded($0.batch.event)) }
      if !batches.isEmpty { Failpoint.beforeCommit.pass() }
      let updated = batches.isEmpty ? [] : try await journal.commit(batches)
      if !batches.isEmpty { Failpoint.afterCommit.pass() }
      mayBeBehind = false
      var settlement = settlement(of: batches, updated: updated, commands: fresh, undecidable: undecidable)
      swap(&settlement.suspects, &unshown)
      swap(&settlement.repeated, &repeated)
      return settlement
    } catch {
      let touched = Set(commands.map(\.command.event)).union(due)
      forget(touched)
      unshown.formUnion(touched)
      throw error
    }
  }

  private mutating func noteRepeated(_ commands: [QueuedCommand]) {
    unshown.formUnion(commands.map(\.command.event))
    repeated.formUnion(commands.map(\.command.reservation))
  }

  private mutating func dueEvents() -> [EventID] {
    let time = now()
    refusedExpiries = refusedExpiries.filter { $0.value > time }
    // Each of them has a hold that is over, and no more expire at once.
    return Array(cache.eventsWithDueHolds(at: time).filter { refusedExpiries[$0] == nil }.prefix(Self.maximumExpiries))
  }

  private mutating func postponeExpiries(of events: [EventID], because reason: String) {
    logger.error("the journal refuses expiries; they wait", metadata: ["events": "\(events)", "reason": "\(reason)"])
    for event in events { refusedExpiries[event] = now().adding(seconds: Self.refusedExpiryPause) }
  }

  private func journal(decided commands: [QueuedCommand]) async throws(JournalFailure) -> Set<CommandID> {
    commands.isEmpty ? [] : try await journal.decided(commands.map(\.command.id))
  }

  private mutating func load(_ events: Set<EventID>) async throws(JournalFailure) {
    if events.contains(where: { cache[$0] == nil }) {
      // First: those that are forgotten may be among these.
      cache.forgetUnused()
      // In an order that a simulation can repeat.
      var missing = events.filter { cache[$0] == nil }.sorted()[...]
      while !missing.isEmpty {
        for event in try await journal.load(Array(missing.prefix(Self.eventsPerLoad))) { cache.insert(event) }
        missing = missing.dropFirst(Self.eventsPerLoad)
      }
    }
    for event in events { cache.noteUse(of: event) }
  }

  /// Makes the decisions, in memory.
  private mutating func decideAll(
    _ commands: [QueuedCommand], due: [EventID]
  ) -> (drafts: [DraftBatch], undecidable: [Undecidable]) {
    mark?.begin(commands.count == 1 && due.isEmpty ? commands[0].command.id : nil)
    defer { mark?.end() }
    var drafts: [EventID: DraftBatch] = [:]
    var undecidable: [Undecidable] = []
    let time = now()
    var expiriesLeft = Self.maximumExpiries
    for event in due where cache[event] != nil {
      for hold in loaded(event).state.dueExpiries(at: time, upTo: expiriesLeft) {
        decideOne(Command(id: CommandID(0), event: event, action: .expire(hold), acceptedAt: time), at: time, into: &drafts)
        expiriesLeft -= 1
      }
    }
    for queued in commands {
      if cache[queued.command.event] == nil {
        undecidable.append(Undecidable(command: queued, reason: "there is no event \(queued.command.event)"))
      } else if recent.insert(queued.command.id) {
        decideOne(queued.command, at: time, into: &drafts)
      } else {
        repeated.insert(queued.command.reservation)
      }
    }
    return (drafts.values.sorted { $0.batch.event < $1.batch.event }, undecidable)
  }

  private mutating func decideOne(_ command: Command, at time: Timestamp, into drafts: inout [EventID: DraftBatch]) {
    deciding?(command)
    cache.update(command.event) { loaded in
      let existing = loaded.state.reservation(command.reservation)
      let decision = decide(command, given: loaded.state, at: time)
      drafts[command.event, default: DraftBatch(loaded)].add(decision, existing: existing)
      loaded.state.apply(decision)
    }
  }

  private func loaded(_ event: EventID) -> LoadedEvent {
    guard let loaded = cache[event] else { preconditionFailure("event \(event) was decided for, and is not loaded") }
    return loaded
  }

  private mutating func forget(_ events: Set<EventID>) {
    mayBeBehind = true
    recent.removeAll()
    for event in events { cache.forget(event) }
  }

  private mutating func settlement(
    of batches: [EventBatch], updated: [ReservationRecord], commands: [QueuedCommand], undecidable: [Undecidable]
  ) -> Settlement {
    var settlement = Settlement(undecidable: undecidable)
    let updated = Dictionary(grouping: updated, by: \.event)
    let withoutNote = commands.contains { $0.ordinal == 0 }
    for batch in batches {
      guard let head = batch.entries.last?.hash else { preconditionFailure("an empty batch for event \(batch.event)") }
      cache.update(batch.event) { $0.head = head }
      cache.noteExpiry(of: batch.event, at: batch.nextExpiry)
      settlement.decisions += batch.entries.count
      settlement.changes.append(
        ViewChange(
          event: batch.event, fromVersion: batch.fromVersion, toVersion: batch.toVersion,
          reservations: batch.created.map(shown) + updated[batch.event, default: []],
          availability: Availability(version: batch.toVersion, sections: batch.counts),
          seats: .some(letters(of: batch)), writesCustomersLists: withoutNote))
    }
    return settlement
  }

  /// As the journal will tell it from now on: what has ended does not expire.
  private func shown(_ reservation: ReservationRecord) -> ReservationRecord {
    var reservation = reservation
    if reservation.status != .held { reservation.expiresAt = nil }
    return reservation
  }

  /// The seats that the batch took or freed, as the view shows them.
  private func letters(of batch: EventBatch) -> [(section: SectionIndex, offset: Int, letter: UInt8)] {
    let plan = loaded(batch.event).state.plan
    let taken = Set(batch.takenSeats.map(\.seat))
    let freed = batch.freedSeats.filter { !taken.contains($0) }
    return (batch.takenSeats.map { ($0.seat, SeatLetter.held) } + freed.map { ($0, SeatLetter.available) }).map { seat, letter in
      guard let section = plan.position(of: seat)?.section else {
        preconditionFailure("event \(batch.event) has no seat \(seat)")
      }
      return (section, Int(seat - plan.seats(of: section).lowerBound), letter)
    }
  }
}
