/// How a process waits and measures how long something takes. What a moment is called is another matter: wall clocks are set forth
/// and back, and nobody waits by them.
///
/// It is an argument wherever time passes, so that a simulation can let a minute pass in a millisecond.
public struct Timekeeper: Sendable {
  /// The present moment, on a clock that never jumps.
  public var now: @Sendable () -> ContinuousClock.Instant
  /// Returns after that long; throws ``CancellationError`` as soon as the task is cancelled.
  public var sleep: @Sendable (Duration) async throws -> Void

  public init(
    now: @escaping @Sendable () -> ContinuousClock.Instant, sleep: @escaping @Sendable (Duration) async throws -> Void
  ) {
    self.now = now
    self.sleep = sleep
  }

  /// The machine's own.
  public static let system = Timekeeper(now: { .now }, sleep: { try await Task.sleep(for: $0) })
}
