/// Counts that all gateways share, for limits of so many requests in a time.
public protocol RateCounter: Sendable {
  /// Adds to a count, which begins at 0 and is forgotten `seconds` after its first addition. Gives the sum.
  func add(_ count: Int, to key: String, keptFor seconds: Int) async throws(ViewUnavailable) -> Int
}
