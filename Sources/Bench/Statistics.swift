/// What several runs of the same measurement gave.
struct Summary: Equatable {
  var median: Double
  var minimum: Double
  var maximum: Double

  /// - Returns: nil if there is no value.
  init?(_ values: [Double]) {
    let sorted = values.sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    (minimum, maximum) = (first, last)
    let middle = sorted.count / 2
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}

extension [Double] {
  /// The smallest value of a sorted list that at least this share of the values does not exceed (the nearest-rank percentile).
  /// - Returns: nil for an empty list.
  func percentile(_ share: Double) -> Double? {
    if isEmpty { return nil }
    // Without the small number, 0.99 of 100 would be above 99.
    let rank = Int((share * Double(count) - 1e-9).rounded(.up))
    return self[Swift.min(Swift.max(rank, 1), count) - 1]
  }
}
