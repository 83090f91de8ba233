public import Ticketing

/// A decision with its bytes, as the journal keeps it.
public struct JournalEntry: Sendable {
  public var decision: Decision
  public var command: [UInt8]
  public var outcome: [UInt8]
  public var hash: HashChain.Hash
  /// The version at which the reservation concerned was decided; 0 if there is none.
  public var sequence: Int64

  public init(_ decision: Decision, after previous: HashChain.Hash, sequence: Int64) {
    self.decision = decision
    self.sequence = sequence
    var command = ByteWriter(capacity: 96)
    command.write(decision.command)
    self.command = command.bytes
    var outcome = ByteWriter(capacity: 32)
    outcome.write(decision.outcome)
    self.outcome = outcome.bytes
    hash = HashChain.next(
      after: previous, version: decision.version, decidedAt: decision.decidedAt, command: self.command, outcome: self.outcome)
  }
}

/// What a batch of decisions changes of one event, from one version to a later one.
public struct EventBatch: Sendable {
  /// A reservation that had tickets before the batch, as the batch leaves it.
  public struct Update: Hashable, Sendable {
    public var sequence: Int64
    public var status: ReservationRecord.Status
    public var version: Int64
    public var expiresAt: Timestamp
    public var extensionsUsed: Int

    public init(sequence: Int64, status: ReservationRecord.Status, version: Int64, expiresAt: Timestamp, extensionsUsed: Int) {
      self.sequence = sequence
      self.status = status
      self.version = version
      self.expiresAt = expiresAt
      self.extensionsUsed = extensionsUsed
    }
  }

  public var event: EventID
  public var fromVersion: Int64
  /// At least one.
  public var entries: [JournalEntry]
  /// Reservations that the batch made, as it leaves them; the refused ones too.
  public var created: [ReservationRecord] = []
  public var updated: [Update] = []
  /// Seats that were taken before the batch and no longer are by the same reservation.
  public var freedSeats: [SeatIndex] = []
  /// Seats that are taken after the batch and were not by the same reservation before it, with that reservation's sequence.
  public var takenSeats: [(seat: SeatIndex, sequence: Int64)] = []
  /// The counts of all sections after the batch.
  public var counts: [Availability.Counts] = []
  /// The sections whose counts the batch changed.
  public var changedSections: [SectionIndex] = []
  public var nextExpiry: Timestamp?

  public init(event: EventID, fromVersion: Int64, entries: [JournalEntry]) {
    self.event = event
    self.fromVersion = fromVersion
    self.entries = entries
  }

  public var toVersion: Int64 { fromVersion + Int64(entries.count) }
}

/// An event as it stands in the database.
public struct LoadedEvent: Sendable {
  public var state: EventState
  public var head: HashChain.Hash

  public init(state: EventState, head: HashChain.Hash) {
    self.state = state
    self.head = head
  }
}

/// Why a batch was not written.
public enum JournalFailure: Error, Sendable {
  /// Somebody else has decided for one of the events meanwhile, or one of the commands had been decided before: nothing was
  /// written, and the states that the batch was decided on are no longer true.
  case conflict
  /// The database did not answer, or not in time: the batch may or may not have been written.
  case unavailable(String)
  /// The database will not take this, however often it is asked: a value or a rule of its tables stands against it, or what it has of
  /// the event contradicts itself. Nothing was written.
  case refused(String)
}

/// The history of all events and what follows from it: what a worker needs of the database.
public protocol Journal: Sendable {
  /// Those of the events that there are, each as it stands, in any order.
  func load(_ events: [EventID]) async throws(JournalFailure) -> [LoadedEvent]
  /// Which of the commands have been decided.
  func decided(_ commands: [CommandID]) async throws(JournalFailure) -> Set<CommandID>
  /// Those of the reservations that have been decided, as they are now.
  func reservations(_ ids: [ReservationID]) async throws(JournalFailure) -> [ReservationRecord]
  /// Writes the batches in one transaction, each only if its event still is at ``EventBatch/fromVersion``.
  /// Gives the reservations behind ``EventBatch/updated``, as they are now.
  func commit(_ batches: [EventBatch]) async throws(JournalFailure) -> [ReservationRecord]
  /// What the first `limit` decisions after `version` led to.
  func changes(of event: EventID, after version: Int64, limit: Int) async throws(JournalFailure) -> JournalChanges
  /// Where the history of each event of a partition stands that has one.
  func streams(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream]
  /// The same of those alone that have holds, which costs nothing for all the others.
  func streamsWithHolds(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream]
  /// Keeps what could not be decided for an operator. A command, or bytes, that are kept already are not kept twice.
  func setAside(_ letters: [DeadLetter]) async throws(JournalFailure)
}

/// Where an event's history stands.
public struct EventStream: Hashable, Sendable {
  public var event: EventID
  /// The number of decisions so far, at least one.
  public var version: Int64
  /// When the earliest hold ends.
  public var nextExpiry: Timestamp?

  public init(event: EventID, version: Int64, nextExpiry: Timestamp?) {
    self.event = event
    self.version = version
    self.nextExpiry = nextExpiry
  }
}

/// A piece of an event's history, as the view needs it.
public struct JournalChanges: Sendable {
  /// The version that the piece reaches.
  public var toVersion: Int64
  /// Those that the decisions of the piece were about, each once and as it is now.
  public var reservations: [ReservationRecord]
  /// The same of those that nothing has happened to in the piece for longer than the view keeps a reservation.
  public var forgotten: [ReservationRecord]
  /// What is left and the letters of each seated section, if the piece reaches the present; nil if there is more to come.
  public var present: (availability: Availability, seats: [(section: SectionIndex, letters: [UInt8])])?

  public init(
    toVersion: Int64, reservations: [ReservationRecord], forgotten: [ReservationRecord] = [],
    present: (availability: Availability, seats: [(section: SectionIndex, letters: [UInt8])])?
  ) {
    self.toVersion = toVersion
    self.reservations = reservations
    self.forgotten = forgotten
    self.present = present
  }
}
