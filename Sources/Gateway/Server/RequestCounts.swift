import NIOHTTP1
import Synchronization
import Telemetry

/// How many requests were answered, by operation and status.
final class RequestCounts: Sendable {
  private struct Kind: Hashable {
    /// Its number in the table; nil for a path that is none of the contract's.
    var operation: Int?
    var status: UInt
  }

  private let metrics: MetricRegistry
  private let counters = Mutex<[Kind: Counter]>([:])

  init(_ metrics: MetricRegistry) { self.metrics = metrics }

  /// - Parameter operation: nil where the path is none of the contract's. What clients make up must not become labels without end.
  func count(_ operation: RouteTable.Operation?, _ status: HTTPResponseStatus) {
    let kind = Kind(operation: operation?.number, status: status.code)
    let counter = counters.withLock { counters in
      if let known = counters[kind] { return known }
      let counter = metrics.counter(
        "tickethub_http_requests_total", help: "Requests answered.",
        labels: [("method", operation?.method.rawValue ?? ""), ("path", operation?.path ?? ""), ("status", "\(status.code)")])
      counters[kind] = counter
      return counter
    }
    counter.add()
  }
}
