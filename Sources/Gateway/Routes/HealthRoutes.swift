import NIOHTTP1
import Pipeline

/// Whether the process runs, and whether it can do its work.
struct HealthRoutes: Sendable {
  /// Without the broker there is nothing to do; a gateway that is only slow should not be sent away for it.
  private static let brokerPatience = Duration.seconds(2)
  /// Less than the second that a probe commonly waits: what the sale goes on without must not keep the probe waiting.
  private static let patience = Duration.milliseconds(900)

  private let broker: DependencyCheck
  private let redis: DependencyCheck
  private let database: DependencyCheck

  init(
    publisher: any CommandPublisher, view: any ReservationView, reservations: any ReservationStore, time: Timekeeper
  ) {
    broker = DependencyCheck(limit: Self.brokerPatience, time: time) { await publisher.obstacle() }
    redis = DependencyCheck(limit: Self.patience, time: time) { await view.isReady() ? nil : "does not answer" }
    database = DependencyCheck(limit: Self.patience, time: time) { await reservations.isReady() ? nil : "does not answer" }
  }

  func add(to table: inout RouteTable) {
    LivenessRoute().add(to: &table)
    table.on(.GET, "/readyz", ready)
  }

  /// Without the broker no request can be taken. Without Redis or PostgreSQL the sale goes on.
  @Sendable private func ready(_ request: Request) async throws -> Response {
    async let brokerTrouble = broker.trouble()
    async let redisTrouble = redis.trouble()
    async let databaseTrouble = database.trouble()
    let checks: [(name: StaticString, trouble: String?)] = await [
      ("rabbitmq", brokerTrouble), ("redis", redisTrouble), ("postgresql", databaseTrouble),
    ]
    if await brokerTrouble != nil { return health(.serviceUnavailable, "failing", checks) }
    return health(.ok, checks.allSatisfy { $0.trouble == nil } ? "ok" : "degraded", checks)
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
  var headers: ResponseHeaders = ["Cache-Control": "no-store"]
  if status == .serviceUnavailable { headers.add(name: "Retry-After", value: "1") }
  return .json(writer.bytes, status: status, headers: headers)
}
