public import Ticketing

/// The view could not be read or written in time. It never decides anything, so nobody need stop for it.
public struct ViewUnavailable: Error, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// How long the view keeps what nobody changes, in seconds: past the 24 hours that the contract promises for a key. The database
/// keeps it for good.
public let viewLifetimeSeconds: Int64 = 7 * 24 * 60 * 60

/// How long the view keeps a customer's list to which nothing is added, in seconds: much longer than the records that it names.
/// An entry whose record is gone makes the reader ask the database, while a list that is gone would look like one that was never
/// there, and like a whole one with the next reservation.
public let listLifetimeSeconds: Int64 = 400 * 24 * 60 * 60

/// What the gateway reads from Redis about reservations and what is left, and what it notes there.
public protocol ReservationView: Sendable {
  /// Hands out places in the partitions' lines, so many in each, and says how far the lines have come.
  func takePlaces(_ counts: [Int: Int]) async throws(ViewUnavailable) -> [Int: Places]
  /// Notes reservations as `queued` where nothing is known of them yet. One answer each: what was known, and then nothing was noted.
  /// A note that was known stays until all the requests that rely on it, this one included, have withdrawn it.
  func note(_ reservations: [ReservationRecord]) async throws(ViewUnavailable) -> [ReservationRecord?]
  /// Remembers that a command about a reservation was queued.
  func remember(_ command: CommandID, about reservation: ReservationID) async throws(ViewUnavailable)
  func remembers(_ command: CommandID, about reservation: ReservationID) async throws(ViewUnavailable) -> Bool
  /// Takes notes back, those made or relied on, of requests that are not queued after all, once each. What has been decided meanwhile
  /// stays, and what another request relies on.
  func withdraw(_ reservations: [ReservationRecord]) async throws(ViewUnavailable)
  /// The reservation; nil where the view does not know it, which does not mean that it does not exist.
  func reservation(_ id: ReservationID) async throws(ViewUnavailable) -> ReservationRecord?
  /// A customer's reservations, newest first, from the one after `after`. Nil where the view does not have them all: where not
  /// all partitions are known to be complete in it, or a record is gone. Nil too where there are none: their list may be lost.
  func reservations(
    of customer: CustomerID, in partitioning: Partitioning, after: PageMark?, limit: Int
  ) async throws(ViewUnavailable) -> [ReservationRecord]?
  /// How far a partition's line has come.
  func progress(of partition: Int) async throws(ViewUnavailable) -> Progress
  /// What is left of an event; nil where the view does not know.
  func availability(of event: Event, in partition: Int) async throws(ViewUnavailable) -> Availability?
  /// A section's seats, a letter (``SeatLetter``) each, and the event's version; nil where the view does not know.
  func seats(of event: Event, section: SectionIndex, in partition: Int) async throws(ViewUnavailable) -> ViewedSeats?
  /// Whether all that waits in the queues is noted: where the view was emptied, or restored from an old copy, it has lost the notes of
  /// what was queued before, until that is decided.
  func knowsWhatIsQueued(_ partitioning: Partitioning) async throws(ViewUnavailable) -> Bool
  /// Has these partitions be ones of whose queues not all is known to be noted, until what waits in them now is decided.
  func forgetNoted(_ partitions: Set<Int>) async throws(ViewUnavailable)
  /// Whether the view answers.
  func isReady() async -> Bool
}

/// Places in a partition's line.
public struct Places: Hashable, Sendable {
  /// The first place's ordinal; the others follow.
  public var first: Int64
  public var progress: Progress

  public init(first: Int64, progress: Progress) {
    self.first = first
    self.progress = progress
  }
}

/// How far a partition has come, for clients that wait in its queue.
public struct Progress: Hashable, Sendable {
  /// Where nothing has been decided yet.
  public static let none = Progress(ordinal: 0, rate: 0)

  /// The ordinal of the command decided last.
  public var ordinal: Int64
  /// Decisions per second while there was something to decide; 0 where that is not known.
  public var rate: Double

  public init(ordinal: Int64, rate: Double) {
    self.ordinal = ordinal
    self.rate = rate
  }

  /// How many commands are ahead of the one with this ordinal.
  public func ahead(of ordinal: Int64) -> Int64 {
    guard ordinal > self.ordinal else { return 0 }
    // Ordinals come with messages, and are not to be trusted with the gateway's life.
    let (distance, isTooLong) = ordinal.subtractingReportingOverflow(self.ordinal)
    return isTooLong ? .max : distance - 1
  }
}

/// The seats of a section at one version of the event.
public struct ViewedSeats: Hashable, Sendable {
  public var version: Int64
  public var letters: [UInt8]

  public init(version: Int64, letters: [UInt8]) {
    self.version = version
    self.letters = letters
  }
}

/// The catalogue in Redis.
public protocol CatalogueView: Sendable {
  /// Each of these events; nil where the view has it not.
  func events(_ ids: [EventID]) async throws(ViewUnavailable) -> [EventRecord?]
  /// The ids of published events that start after `after`, soonest first; nil where the view's list is not complete.
  func publishedIDs(after: PageMark, limit: Int) async throws(ViewUnavailable) -> [EventID]?
  /// Adds events; those that are published to the list.
  func list(_ events: [EventRecord]) async throws(ViewUnavailable)
  /// Adds an event that was created just now, and says that all of it is left.
  func list(new event: EventRecord) async throws(ViewUnavailable)
  /// How many events are listed; nil where the list is not known to be complete.
  func listedCount() async throws(ViewUnavailable) -> Int?
  /// Says that all published events are in the list.
  func markListComplete() async throws(ViewUnavailable)
}

/// A place in a list that is sorted by a time and, within it, by an id: the last entry of the page before.
public struct PageMark: Hashable, Sendable {
  public var time: Timestamp
  public var id: UInt128

  public init(time: Timestamp, id: UInt128) {
    self.time = time
    self.id = id
  }
}

/// The worker's side of the view.
public protocol Projection: Sendable {
  /// Brings the view of these events, all of one partition, from one version to a later one; tells waiting clients.
  /// One answer each.
  func project(_ changes: [ViewChange], partition: Int, progress: Progress?) async throws(ViewUnavailable) -> [ProjectionResult]
  /// Writes reservations, which have been decided, where the view has notes of them as `queued`; tells waiting clients. What is decided
  /// in the view already stays as it is.
  func replaceNotes(by reservations: [ReservationRecord], partition: Int) async throws(ViewUnavailable)
  /// The versions that the view has of these events, 0 where it has none.
  func versions(of events: [EventID]) async throws(ViewUnavailable) -> [Int64]
  /// Has the view of this event be at version 0, so that all of it will be written again.
  func forget(_ event: EventID) async throws(ViewUnavailable)
  /// The partitions whose events the view is known to have completely, since the Redis server that answers was last started or
  /// emptied.
  func completePartitions(among partitions: [Int]) async throws(ViewUnavailable) -> Set<Int>
  /// The partitions of which the view is known to have notes of all that waits in their queues, likewise.
  func notedPartitions(among partitions: [Int]) async throws(ViewUnavailable) -> Set<Int>
  /// To be called before the view of this partition's events is compared with the journal. Gives what the comparison is called.
  func beginComparison(of partition: Int) async throws(ViewUnavailable) -> String
  /// Says that the view has all of this partition's events. Without effect if the server was restarted or emptied since the
  /// comparison began.
  func markComplete(_ partition: Int, since comparison: String) async throws(ViewUnavailable)
  /// Says that what waited in this partition's queue when the comparison began has been decided. Without effect as above.
  func markNoted(_ partition: Int, since comparison: String) async throws(ViewUnavailable)
}

/// What one event's view needs to go from a version to a later one.
public struct ViewChange: Sendable {
  public var event: EventID
  public var fromVersion: Int64
  public var toVersion: Int64
  public var reservations: [ReservationRecord]
  /// Reservations that the view would have let go of by now: only their customers' lists tell of them.
  public var listed: [ReservationRecord]
  /// Nil where the counts and seats come with a later change; until then the view takes only changes that bring the seats of whole
  /// sections.
  public var availability: Availability?
  public var seats: SeatChange
  /// Whether the customers' own lists must be written in any case. Else only those of reservations that the view does not know: what
  /// the gateway noted is in its list.
  public var writesCustomersLists: Bool

  public enum SeatChange: Sendable {
    /// These seats changed.
    case some([(section: SectionIndex, offset: Int, letter: UInt8)])
    /// The letters of whole sections.
    case all([(section: SectionIndex, letters: [UInt8])])
  }

  public init(
    event: EventID, fromVersion: Int64, toVersion: Int64, reservations: [ReservationRecord], listed: [ReservationRecord] = [],
    availability: Availability?, seats: SeatChange, writesCustomersLists: Bool
  ) {
    self.event = event
    self.fromVersion = fromVersion
    self.toVersion = toVersion
    self.reservations = reservations
    self.listed = listed
    self.availability = availability
    self.seats = seats
    self.writesCustomersLists = writesCustomersLists
  }
}

/// What became of a ``ViewChange``.
public enum ProjectionResult: Hashable, Sendable {
  /// The view is at `toVersion`, or was beyond it before.
  case done
  /// The view is at another version than `fromVersion`, or has not got the seats of that version yet, and nothing was written: what is
  /// missing must be projected first.
  case gap
}

/// What is told to gateways as it happens, so that nobody need ask again and again.
public protocol ChangeFeed: Sendable {
  /// Runs until cancelled.
  /// - Parameter onChange: gets the ids of reservations and events that changed, or nil where some may have been missed.
  func run(onChange: @escaping @Sendable ([UInt128]?) -> Void) async
}
