import Pipeline
import Synchronization

/// Looks up what few ask for, for all who ask while a look-up is under way at once.
///
/// A look-up that takes long, since a server hangs, is waited for only by those that came before that was seen: whoever comes then looks
/// by himself, and waits no longer than without this.
final class LookUps<Request: Sendable, Answer: Sendable>: Sendable {
  /// How many requests are looked up at once, and how many may wait.
  private static var maximumBatch: Int { 256 }
  private static var maximumWaiting: Int { 10_000 }
  private static var patience: Duration { .seconds(1) }

  /// Since when one is under way.
  private final class Progress: Sendable {
    let since = Mutex<ContinuousClock.Instant?>(nil)
  }

  private let time: Timekeeper
  private let progress = Progress()
  private let lookUp: @Sendable ([Request]) async -> [Answer]
  private let together: Coalescer<Request, Answer>

  /// - Parameters:
  ///   - executor: where they are looked up together, if it matters.
  ///   - lookUp: gives each request's answer, in their order.
  init(
    time: Timekeeper = .system, executor: (any TaskExecutor)? = nil, lookUp: @escaping @Sendable ([Request]) async -> [Answer]
  ) {
    self.time = time
    self.lookUp = lookUp
    together = Coalescer(maximumBatch: Self.maximumBatch, maximumWaiting: Self.maximumWaiting, time: time) {
      [progress] requests in
      progress.since.withLock { $0 = time.now() }
      // Nobody's child: the one in whose task this runs may have gone, and the others wait for it all the same.
      let answers = await Task(executorPreference: executor) { await lookUp(requests) }.value
      progress.since.withLock { $0 = nil }
      return answers
    }
  }

  /// The request's answer; nil if too many wait.
  func answer(to request: Request) async -> Answer? {
    let isSlow = progress.since.withLock { since in since.map { time.now() - $0 > Self.patience } ?? false }
    return isSlow ? await lookUp([request])[0] : await together.submit(request)
  }
}
