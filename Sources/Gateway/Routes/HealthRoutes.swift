import NIOHTTP1
import Pipeline

/// Whether the process runs, and whether it can do its work.
struct HealthRoutes: Sendable {
  /// A check that takes longer has failed.
  private static let patience = Duration.seconds(2)

  let publisher: any CommandPublisher
  let view: any ReservationView
  let reservations: any ReservationStore

  func add(to table: inout RouteTable) {
    LivenessRoute().add(to: &table)
    table.on(.GET, "/readyz", ready)
  }

  /// Without the broker no request can be taken. Without Redis or PostgreSQL the sale goes on.
  @Sendable private func ready(_ request: Request) async throws -> Response {
    async let broker = inTime { await publisher.obstacle() }
    async let redis = inTime { await view.isReady() ? nil : "does not answer" }
    async let database = inTime { await reservations.isReady() ? nil : "does not answer" }
    let checks: [(name: StaticString, trouble: String?)] = await [
      ("rabbitmq", broker), ("redis", redis), ("postgresql", database),
    ]
    if await broker != nil { return health(.serviceUnavailable, "failing", checks) }
    return health(.ok, checks.allSatisfy { $0.trouble == nil } ? "ok" : "degraded", checks)
  }

  /// What is wrong, nil if nothing is.
  private func inTime(_ check: @escaping @Sendable () async -> String?) async -> String? {
    await withTaskGroup(of: String?.self) { group in
      group.addTask { await check() }
      group.addTask {
        try? await Task.sleep(for: Self.patience)
        return "does not answer in time"
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
  }
}

/// `GET /livez`: the process runs.
struct LivenessRoute: Sendable {
  func add(to table: inout RouteTable) { table.on(.GET, "/livez") { _ in health(.ok, "ok", []) } }
}

private func health(_ status: HTTPResponseStatus, _ word: String, _ checks: [(name: StaticString, trouble: String?)])
  -> Response
{
  var writer = JSONWriter()
  writer.object {
    $0.member("status", word)
    $0.object("checks") { for check in checks { $0.member(check.name, check.trouble ?? "ok") } }
  }
  var headers: HTTPHeaders = ["Cache-Control": "no-store"]
  if status == .serviceUnavailable { headers.add(name: "Retry-After", value: "1") }
  return .json(writer.bytes, status: status, headers: headers)
}
