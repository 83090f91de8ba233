import Pipeline
import Synchronization
import Ticketing

/// The journal, to which the partitions of a worker commit together what they have to commit at the same moment: a transaction costs
/// far more than what is in it while each has only a few decisions, as in a sale of many events.
///
/// Nobody waits for company. A transaction that fails is tried once more for each partition alone, so that none suffers for another.
final class GroupCommit: Journal {
  /// Batches of so many decisions are worth a transaction of their own, which also keeps the shared ones short.
  private static let fewDecisions = 64
  /// Partitions that share a transaction at most.
  private static let maximumPartitions = 64
  /// How long everybody commits alone after the database did not answer a shared transaction: it may have waited for one event's rows,
  /// which somebody holds.
  private static let pause = Duration.seconds(5)

  private let journal: any Journal
  private let time: Timekeeper
  private let together: Coalescer<[EventBatch], Result<[ReservationRecord], JournalFailure>>
  private let aloneUntil: Pause

  init(_ journal: any Journal, time: Timekeeper = .system) {
    self.journal = journal
    self.time = time
    let aloneUntil = Pause()
    self.aloneUntil = aloneUntil
    together = Coalescer(maximumBatch: Self.maximumPartitions, maximumWaiting: .max, gathers: true) { shares in
      do throws(JournalFailure) {
        // In one order, whoever commits: two transactions can't wait for each other.
        let batches = shares.joined().sorted { $0.event < $1.event }
        let updated = Dictionary(grouping: try await journal.commit(batches), by: \.event)
        return shares.map { share in .success(share.flatMap { updated[$0.event, default: []] }) }
      } catch {
        if shares.count == 1 { return [.failure(error)] }
        if case .unavailable = error {
          aloneUntil.begin(until: time.now() + Self.pause)
          return shares.map { _ in .failure(error) }
        }
        return await Self.commitOneByOne(shares, to: journal)
      }
    }
  }

  private static func commitOneByOne(
    _ shares: [[EventBatch]], to journal: any Journal
  ) async -> [Result<[ReservationRecord], JournalFailure>] {
    var results: [Result<[ReservationRecord], JournalFailure>] = []
    for share in shares {
      do throws(JournalFailure) {
        results.append(.success(try await journal.commit(share)))
      } catch {
        results.append(.failure(error))
      }
    }
    return results
  }

  func commit(_ batches: [EventBatch]) async throws(JournalFailure) -> [ReservationRecord] {
    let decisions = batches.reduce(0) { $0 + $1.entries.count }
    if decisions > Self.fewDecisions || aloneUntil.isRunning(at: time.now()) { return try await journal.commit(batches) }
    guard let result = await together.submit(batches) else { return try await journal.commit(batches) }
    return try result.get()
  }

  // MARK: As it is

  func load(_ events: [EventID]) async throws(JournalFailure) -> [LoadedEvent] { try await journal.load(events) }

  func decided(_ commands: [CommandID]) async throws(JournalFailure) -> Set<CommandID> { try await journal.decided(commands) }

  func reservations(_ ids: [ReservationID]) async throws(JournalFailure) -> [ReservationRecord] {
    try await journal.reservations(ids)
  }

  func changes(of event: EventID, after version: Int64, limit: Int) async throws(JournalFailure) -> JournalChanges {
    try await journal.changes(of: event, after: version, limit: limit)
  }

  func streams(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await journal.streams(of: partition, in: partitioning)
  }

  func streamsWithHolds(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await journal.streamsWithHolds(of: partition, in: partitioning)
  }

  func setAside(_ letters: [DeadLetter]) async throws(JournalFailure) { try await journal.setAside(letters) }
}

/// Until when something is not to be done.
private final class Pause: Sendable {
  private let end = Mutex<ContinuousClock.Instant?>(nil)

  func begin(until time: ContinuousClock.Instant) { end.withLock { $0 = time } }
  func isRunning(at time: ContinuousClock.Instant) -> Bool { end.withLock { $0.map { time < $0 } ?? false } }
}
