/// Requests by number. They are written when they are sent, since millions of them would not fit into memory.
protocol RequestSource: Sendable {
  var count: Int { get }
  func append(_ number: Int, to buffer: inout [UInt8])
}

/// What a load was answered.
struct LoadAnswers {
  /// By request; 0 for one whose connection broke.
  var statuses: [UInt16]
  /// By request, in nanoseconds: from when it was to be sent, which in a closed loop is when it was sent.
  var latencies: [Int64]
  /// The monotonic clock at the first request and after the last answer, in nanoseconds.
  var start: Int64
  var end: Int64

  var seconds: Double { Double(end - start) / 1e9 }

  func count(_ status: UInt16) -> Int { statuses.reduce(0) { $0 + ($1 == status ? 1 : 0) } }

  /// The latencies of the answers with this status, in milliseconds, in order.
  func milliseconds(_ status: UInt16) -> [Double] {
    zip(statuses, latencies).compactMap { $0 == status ? Double($1) / 1e6 : nil }.sorted()
  }

  /// How many answers there were of each status but the expected one, as a phrase; nil if there was no other.
  func unexpected(_ expected: UInt16...) -> String? {
    var counts: [UInt16: Int] = [:]
    for status in statuses where !expected.contains(status) { counts[status, default: 0] += 1 }
    if counts.isEmpty { return nil }
    return counts.sorted { $0.key < $1.key }.map { "\($1) × \($0 == 0 ? "no answer" : "\($0)")" }.joined(separator: ", ")
  }
}
