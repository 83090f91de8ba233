/// How long to wait before the next attempt: doubling from `initial` up to `maximum`, each time a random length between half of
/// that and all of it, so that many clients that lost the same broker do not come back in the same instant.
public struct Backoff: Sendable {
  private let initial: Duration
  private let maximum: Duration
  private let random: @Sendable () -> Double
  private var attempts = 0

  /// - Parameters:
  ///   - initial: the longest first wait.
  ///   - maximum: the longest wait of all.
  ///   - random: gives numbers from 0 to 1, evenly spread.
  public init(
    initial: Duration = .milliseconds(100), maximum: Duration = .seconds(5),
    random: @escaping @Sendable () -> Double = { .random(in: 0...1) }
  ) {
    self.initial = initial
    self.maximum = maximum
    self.random = random
  }

  /// The next wait. Each call counts as one more failed attempt.
  public mutating func next() -> Duration {
    // 2^30 times the shortest sensible wait is past every sensible maximum; more would only overflow.
    let ceiling = min(maximum, initial * (1 << min(attempts, 30)))
    attempts += 1
    return ceiling * (0.5 + 0.5 * random())
  }

  /// Begins at `initial` again, after a success.
  public mutating func reset() { attempts = 0 }
}
