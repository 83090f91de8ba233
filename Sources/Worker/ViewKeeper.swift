import Logging
import Pipeline
import Ticketing

/// Keeps the view equal to the journal, and lets nobody wait for it.
///
/// Settled batches are projected as they come. Where that fails, or the view turns out to be at another version (it was away, emptied,
/// or restored from an old copy), the keeper reads what is missing from the journal and catches up, while decisions go on.
actor ViewKeeper {
  /// How often the view is asked whether it still is the one that is known to be complete.
  private static let checkInterval = Duration.milliseconds(500)

  /// How soon an event is looked at again for which decisions came while it was caught up with.
  private static let catchUpInterval = Duration.milliseconds(20)

  /// How long after a comparison began its mark is sent. A gateway that makes a note and does not have it queued within this time makes it
  /// again: the view may have been emptied in between, and the mark have overtaken what was noted.
  private static let markDelay = Duration.milliseconds(100)
  /// A mark is sent again if it has not come by then: its queue may have been deleted.
  private static let markInterval = Duration.seconds(60)

  /// How often the versions are compared where nothing says that they must be: somebody may have written into the view by hand, or have
  /// been ended while he was writing an event again.
  private static let reviewInterval = Duration.seconds(60)
  /// Or so many times as long as reading the versions took, if that is more: with a million events it takes most of a second.
  private static let reviewPause = 100
  private static let longestReviewInterval = Duration.seconds(600)
  /// How soon a partition is compared again in which an event can't be read.
  private static let unreadableInterval = Duration.seconds(30)

  private struct Partition {
    /// When its events' versions are to be compared anyway; nil until they were, since this worker consumes it.
    var nextReview: ContinuousClock.Instant?
    /// It is not compared before that.
    var pausedUntil: ContinuousClock.Instant?
    /// What becomes known in the view as soon as all that waits in the queue is decided, where the view has lost its notes.
    var mark: Mark?
  }

  /// A mark to be put behind what waits in the queue.
  private struct Mark {
    /// The comparison that began after the notes were lost.
    var comparison: String
    var sendAt: ContinuousClock.Instant
  }

  private let view: any Projection
  private let queue: any CommandQueue
  private let journal: any Journal
  private let partitioning: Partitioning
  private let time: Timekeeper
  private let logger: Logger
  private let catchUp: ViewCatchUp

  /// Those that this worker consumes.
  private var partitions: [Int: Partition] = [:]
  private var behind: Set<EventID> = []
  /// Reservations asked for, by partition, that had been decided before: the view may have let go of them and then got a note of the
  /// request that was repeated.
  private var repeated: [Int: Set<ReservationID>] = [:]
  /// While the view is away nothing is sent there, so that only this actor's own checks wait for it.
  private var isAway = false

  init(
    view: any Projection, queue: any CommandQueue, journal: any Journal, partitioning: Partitioning, time: Timekeeper = .system,
    catchUpPiece: Int = ViewCatchUp.piece, logger: Logger
  ) {
    self.view = view
    self.queue = queue
    self.journal = journal
    self.partitioning = partitioning
    self.time = time
    self.logger = logger
    catchUp = ViewCatchUp(view: view, journal: journal, partitioning: partitioning, logger: logger, piece: catchUpPiece)
  }

  func adopt(_ partition: Int) { partitions[partition] = Partition() }

  func abandon(_ partition: Int) { partitions[partition] = nil }

  /// Has the view of these events compared with the journal: something may have been committed and never shown.
  func suspect(_ events: Set<EventID>) { behind.formUnion(events) }

  /// Has the view's notes of these reservations replaced by what the journal says of them.
  func noteRepeated(_ reservations: Set<ReservationID>, in partition: Int) {
    repeated[partition, default: []].formUnion(reservations)
  }

  /// To be called when a mark was delivered and all before it is settled: what the view has no note of is not queued, from now on.
  func noteMark(_ name: String, in partition: Int) async {
    do throws(ViewUnavailable) {
      try await view.markNoted(partition, since: name)
      if partitions[partition]?.mark?.comparison == name { partitions[partition]?.mark = nil }
    } catch {
      lose(error)
    }
  }

  /// Shows settled batches. Returns when they are shown or when it is clear that they will have to be caught up with.
  func project(_ changes: [ViewChange], partition: Int, progress: Progress?) async {
    if changes.isEmpty && progress == nil { return }
    if isAway {
      behind.formUnion(changes.map(\.event))
      return
    }
    do throws(ViewUnavailable) {
      let results = try await view.project(changes, partition: partition, progress: progress)
      for (change, result) in zip(changes, results) {
        if result == .gap { behind.insert(change.event) }
      }
    } catch {
      lose(error)
      behind.formUnion(changes.map(\.event))
    }
  }

  /// Checks and catches up until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      do throws(ViewUnavailable) {
        try await compare()
        await sendMarks()
        try await showWhatIsBehind()
        try await showWhatWasRepeated()
        isAway = false
      } catch {
        lose(error)
      }
      // Cancellation ends the sleep early, and then the loop.
      try? await time.sleep(interval)
    }
  }

  private var interval: Duration {
    if !(behind.isEmpty && repeated.isEmpty) && !isAway { return Self.catchUpInterval }
    let nextMark = partitions.values.compactMap { $0.mark?.sendAt }.min()
    return nextMark.map { min(Self.checkInterval, max(Self.markDelay, $0 - time.now())) } ?? Self.checkInterval
  }

  private func lose(_ error: ViewUnavailable) {
    if !isAway { logger.warning("the view is away; decisions go on without it", metadata: ["reason": "\(error)"]) }
    isAway = true
  }

  /// Compares versions for each partition whose view is not known to be complete, and brings it up to the present.
  private func compare() async throws(ViewUnavailable) {
    let complete = try await view.completePartitions(among: partitions.keys.sorted())
    let noted = try await view.notedPartitions(among: partitions.keys.sorted())
    isAway = false
    let began = time.now()
    let suspect = partitions.filter { number, partition in
      if let pausedUntil = partition.pausedUntil, began < pausedUntil { return false }
      guard let nextReview = partition.nextReview else { return true }
      if !complete.contains(number) { return true }
      // A mark on its way through a long queue would be worth nothing after another comparison.
      return partition.mark == nil && (!noted.contains(number) || nextReview <= began)
    }
    for partition in suspect.keys.sorted() {
      let comparison = try await view.beginComparison(of: partition)
      partitions[partition]?.mark =
        noted.contains(partition) ? nil : Mark(comparison: comparison, sendAt: time.now() + Self.markDelay)
      let reading = time.now()
      guard let streams = await streams(of: partition) else { return }
      let versions = try await view.versions(of: streams.map(\.event))
      let pause = min(Self.longestReviewInterval, max(Self.reviewInterval, (time.now() - reading) * Self.reviewPause))
      var isComplete = true
      partitions[partition]?.pausedUntil = nil
      for (stream, version) in zip(streams, versions) where version < stream.version {
        switch try await catchUp.catchUp(stream.event, from: version) {
        case .shown: break
        case .away: return
        // One that can't be caught up with does not hold up the others.
        case .moved: isComplete = false
        case .unreadable:
          isComplete = false
          partitions[partition]?.pausedUntil = time.now() + Self.unreadableInterval
        }
        // What is being sold now does not wait until all that ever was is shown.
        try await showWhatIsBehind()
      }
      if !isComplete { continue }
      try await view.markComplete(partition, since: comparison)
      partitions[partition]?.nextReview = time.now() + pause
    }
  }

  /// Where the view has lost its notes, only the queue knows what waits in it: a mark behind that tells when it is decided.
  private func sendMarks() async {
    for (partition, mark) in partitions.compactMapValues(\.mark).sorted(by: { $0.key < $1.key }) where mark.sendAt <= time.now() {
      do throws(QueueUnavailable) {
        try await queue.mark(partition, as: mark.comparison)
        if partitions[partition]?.mark?.comparison == mark.comparison {
          partitions[partition]?.mark?.sendAt = time.now() + Self.markInterval
        }
      } catch {
        logger.info("what is queued is not known yet", metadata: ["partition": "\(partition)", "reason": "\(error)"])
      }
    }
  }

  private func showWhatIsBehind() async throws(ViewUnavailable) {
    for event in behind {
      // Taken off before and not after: a batch that finds a gap meanwhile puts it back, and that must not be lost.
      behind.remove(event)
      do throws(ViewUnavailable) {
        switch try await show(event) {
        // What can't be read is tried again when something happens to it, or the view is compared.
        case .shown, .unreadable: break
        case .moved, .away: behind.insert(event)
        }
      } catch {
        behind.insert(event)
        throw error
      }
    }
  }

  private func show(_ event: EventID) async throws(ViewUnavailable) -> ViewCatchUp.Outcome {
    guard let version = try await view.versions(of: [event]).first else { return .moved }
    return try await catchUp.catchUp(event, from: version)
  }

  private func showWhatWasRepeated() async throws(ViewUnavailable) {
    for (partition, reservations) in repeated.mapValues({ Set($0.prefix(ViewCatchUp.piece)) }) {
      // As above.
      repeated[partition]?.subtract(reservations)
      if repeated[partition]?.isEmpty == true { repeated[partition] = nil }
      do {
        try await view.replaceNotes(by: journal.reservations(Array(reservations)), partition: partition)
      } catch JournalFailure.refused(let reason) {
        logger.error("reservations can't be read", metadata: ["partition": "\(partition)", "reason": "\(reason)"])
      } catch {
        noteRepeated(reservations, in: partition)
        if let error = error as? ViewUnavailable { throw error }
      }
    }
  }

  private func streams(of partition: Int) async -> [EventStream]? {
    do throws(JournalFailure) {
      return try await journal.streams(of: partition, in: partitioning)
    } catch {
      logger.warning("the journal is away; the view waits", metadata: ["reason": "\(error)"])
      return nil
    }
  }
}
