/// How long to leave a server alone after attempts that failed: twice as long each time up to a limit, and jittered, so that
/// processes that lost it together do not come back together.
struct Backoff {
  let first: Duration
  let longest: Duration
  private var failures = 0

  init(first: Duration, longest: Duration) {
    self.first = first
    self.longest = longest
  }

  /// Counts a failure and gives the pause after it: between half and all of its turn. `random` is from 0 up to 1.
  mutating func pause(random: Double) -> Duration {
    // 2^20 times any `first` is beyond any `longest`, and a shift by the number of failures would overflow some day.
    let turn = min(first * (1 << min(failures, 20)), longest)
    failures += 1
    return turn * (0.5 + random / 2)
  }

  mutating func reset() { failures = 0 }
}
