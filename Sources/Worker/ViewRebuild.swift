public import Logging
public import Pipeline
public import Ticketing

/// Writes the view again from the journal, whatever it says now, while the sale goes on.
///
/// Events are taken one after the other. The view of an event is said to be at version 0, and is then brought to the present; workers
/// that project meanwhile find the gap and help. Until that is done, which takes a second for a hundred thousand decisions, the event's
/// newest outcomes are not shown.
public struct ViewRebuild: Sendable {
  /// How often what goes wrong is tried again before it is given up.
  private static let attempts = 100
  private static let pause = Duration.milliseconds(100)

  private let view: any Projection
  private let journal: any Journal
  private let partitioning: Partitioning
  private let catchUp: ViewCatchUp

  public init(view: any Projection, journal: any Journal, partitioning: Partitioning, logger: Logger) {
    self.view = view
    self.journal = journal
    self.partitioning = partitioning
    catchUp = ViewCatchUp(view: view, journal: journal, partitioning: partitioning, logger: logger)
  }

  /// Writes all events again, and says that the view is complete.
  /// - Parameter onProgress: told how many more events and decisions are shown.
  /// - Throws: what remained in the way after many attempts.
  public func run(onProgress: (_ events: Int, _ decisions: Int) -> Void) async throws {
    var comparisons: [String] = []
    for partition in 0..<partitioning.count {
      comparisons.append(try await persistently { try await view.beginComparison(of: partition) })
      for stream in try await streams(of: partition) { try await rebuild(stream.event, onProgress: onProgress) }
    }
    // Not before all is written: the view may be emptied meanwhile.
    for (partition, comparison) in comparisons.enumerated() { try await complete(partition, since: comparison) }
  }

  /// Writes one event again.
  public func rebuild(_ event: EventID, onProgress: (_ events: Int, _ decisions: Int) -> Void) async throws {
    try await persistently { try await view.forget(event) }
    try await show(event, onProgress: onProgress)
    onProgress(1, 0)
  }

  private func show(_ event: EventID, onProgress: (_ events: Int, _ decisions: Int) -> Void) async throws {
    try await persistently {
      let version = try await view.versions(of: [event])[0]
      let outcome = try await catchUp.catchUp(event, from: version) { onProgress(0, $0) }
      guard case .shown = outcome else { throw NotYet() }
    }
  }

  /// Somebody else may have begun a comparison meanwhile, or emptied the view: then the versions are compared again.
  private func complete(_ partition: Int, since comparison: String) async throws {
    var comparison = comparison
    try await persistently {
      try await view.markComplete(partition, since: comparison)
      if try await view.completePartitions(among: [partition]) == [partition] { return }
      comparison = try await view.beginComparison(of: partition)
      let streams = try await streams(of: partition)
      for (stream, version) in zip(streams, try await view.versions(of: streams.map(\.event))) where version < stream.version {
        try await show(stream.event) { _, _ in }
      }
      throw NotYet()
    }
  }

  private func streams(of partition: Int) async throws -> [EventStream] {
    try await persistently { try await journal.streams(of: partition, in: partitioning) }
  }

  /// Tries again what another attempt may bring.
  private func persistently<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
    for _ in 1..<Self.attempts {
      do {
        return try await body()
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        try await Task.sleep(for: Self.pause)
      }
    }
    return try await body()
  }

  /// The view moved while it was written.
  private struct NotYet: Error, CustomStringConvertible {
    var description: String { "somebody else goes on changing the view, or the database is away, or can't be read" }
  }
}
