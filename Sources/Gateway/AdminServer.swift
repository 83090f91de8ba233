public import Logging
public import ServiceLifecycle
public import Telemetry

/// `/metrics` and `/livez` of a process that serves nothing else.
public func makeAdminServer(_ metrics: MetricRegistry, host: String, port: Int, logger: Logger) -> any Service {
  var table = RouteTable()
  MetricsRoute(metrics: metrics).add(to: &table)
  LivenessRoute().add(to: &table)
  let responder = Responder(table, metrics: metrics, logger: logger)
  return AdminServer(
    server: HTTPServer(responder: responder, name: "metrics", host: host, port: port, logger: logger), logger: logger)
}

/// Nobody waits for a decision because a port for metrics is taken.
private struct AdminServer: Service {
  let server: HTTPServer
  let logger: Logger

  func run() async throws {
    do {
      try await server.run()
    } catch {
      logger.warning("no metrics are served", metadata: ["port": "\(server.port)", "reason": "\(error)"])
      try? await gracefulShutdown()
    }
  }
}
