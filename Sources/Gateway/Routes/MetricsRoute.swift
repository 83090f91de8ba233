import NIOHTTP1
import Telemetry

/// `GET /metrics`, for Prometheus: on the administrators' port only.
struct MetricsRoute: Sendable {
  let metrics: MetricRegistry

  func add(to table: inout RouteTable) {
    table.on(.GET, "/metrics", isJSON: false) { _ in
      Response(status: .ok, headers: ["Content-Type": MetricRegistry.mediaType], body: Array(metrics.text.utf8))
    }
  }
}
