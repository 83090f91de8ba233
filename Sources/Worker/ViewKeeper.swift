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

  private let view: any Projection
  private let journal: any Journal
  private let partitioning: Partitioning
  private let time: Timekeeper
  private let logger: Logger
  private let catchUp: ViewCatchUp
  /// The partitions that this worker consumes, and whether their events' versions have been compared since it does.
  private var partitions: [Int: Bool] = [:]
  private var behind: Set<EventID> = []
  /// While the view is away nothing is sent there, so that only this actor's own checks wait for it.
  private var isAway = false

  init(
    view: any Projection, journal: any Journal, partitioning: Partitioning, time: Timekeeper = .system, logger: Logger
  ) {
    self.view = view
    self.journal = journal
    self.partitioning = partitioning
    self.time = time
    self.logger = logger
    catchUp = ViewCatchUp(view: view, journal: journal, partitioning: partitioning, logger: logger)
  }

  func adopt(_ partition: Int) { partitions[partition] = false }

  func abandon(_ partition: Int) { partitions[partition] = nil }

  /// Has the view of these events compared with the journal: something may have been committed and never shown.
  func suspect(_ events: Set<EventID>) { behind.formUnion(events) }

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
        if case .gap = result { behind.insert(change.event) }
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
        try await showWhatIsBehind()
        isAway = false
      } catch {
        lose(error)
      }
      // Cancellation ends the sleep early, and then the loop.
      try? await time.sleep(behind.isEmpty || isAway ? Self.checkInterval : Self.catchUpInterval)
    }
  }

  private func lose(_ error: ViewUnavailable) {
    if !isAway { logger.warning("the view is away; decisions go on without it", metadata: ["reason": "\(error)"]) }
    isAway = true
  }

  /// Compares versions for each partition whose view is not known to be complete, and brings it up to the present.
  private func compare() async throws(ViewUnavailable) {
    let complete = try await view.completePartitions(among: partitions.keys.sorted())
    let suspect = partitions.filter { !$0.value || !complete.contains($0.key) }.map(\.key)
    if suspect.isEmpty { return }
    for partition in suspect.sorted() {
      let comparison = try await view.beginComparison(of: partition)
      guard let streams = await streams(of: partition) else { return }
      for (stream, version) in zip(streams, try await view.versions(of: streams.map(\.event))) where version < stream.version {
        guard try await catchUp.catchUp(stream.event, from: version) else { return }
      }
      try await view.markComplete(partition, since: comparison)
      if partitions[partition] != nil { partitions[partition] = true }
    }
  }

  private func showWhatIsBehind() async throws(ViewUnavailable) {
    for event in behind {
      // Taken off before and not after: a batch that finds a gap meanwhile puts it back, and that must not be lost.
      behind.remove(event)
      do throws(ViewUnavailable) {
        if try await !show(event) { behind.insert(event) }
      } catch {
        behind.insert(event)
        throw error
      }
    }
  }

  private func show(_ event: EventID) async throws(ViewUnavailable) -> Bool {
    guard let version = try await view.versions(of: [event]).first else { return false }
    return try await catchUp.catchUp(event, from: version)
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
