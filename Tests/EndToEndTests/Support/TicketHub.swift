import Foundation
import Pipeline
import Synchronization
import TestSupport
import Ticketing

/// A TicketHub of its own: three servers, two gateways, and as many workers as a test likes.
final class TicketHub: Sendable {
  let environment: [String: String]
  /// Two that know nothing of each other but what they share in the servers.
  let gateways: [Gateway]
  private let directory: String
  private let authority: TokenAuthority
  private let state: Mutex<State>

  private struct State {
    var processes: [TicketHubProcess] = []
    var started = 0
  }

  /// The one for tests that leave its processes alone; two workers.
  static func shared() async throws -> TicketHub { try await sharedStart.value }
  private static let sharedStart = Task {
    let hub = try await TicketHub()
    for _ in 0..<2 { try await hub.startWorker() }
    return hub
  }

  /// With gateways and without workers.
  init() async throws {
    async let postgres = TestServer.own(.postgres)
    async let rabbitmq = TestServer.own(.rabbitmq)
    async let redis = TestServer.own(.redis)
    let port = try await reservePorts()
    directory = "\(Checkout.state)/tickethub-\(port)"
    // Its processes' logs are read for what they say now.
    try? FileManager.default.removeItem(atPath: directory)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let secret = UUID().uuidString + UUID().uuidString
    authority = TokenAuthority(secret: Array(secret.utf8))
    environment = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "",
      "TICKETHUB_DATABASE_URL": try await postgres.url,
      "TICKETHUB_AMQP_URL": try await rabbitmq.url,
      "TICKETHUB_REDIS_URL": try await redis.url,
      "TICKETHUB_TOKEN_SECRET": secret,
      "TICKETHUB_SQL_DIR": "\(Checkout.path)/sql",
    ]
    gateways = [Gateway(port: port), Gateway(port: port + 2)]
    state = Mutex(State())
    let migration = try await tickethub(["migrate"], environment: environment)
    guard migration.status == 0 else { throw Unexpected("tickethub migrate: \(migration.errors)") }
    for gateway in gateways {
      // The port after it is the process's own, too.
      let own = ["TICKETHUB_PORT": "\(gateway.port)", "TICKETHUB_ADMIN_PORT": "\(gateway.port + 1)"]
      _ = try start("gateway", own)
    }
    for gateway in gateways {
      try await eventually(within: .seconds(60), "a ready gateway") { try await gateway.get("/readyz").status == 200 }
    }
  }

  /// A gateway that every test may ask.
  var gateway: Gateway { gateways[0] }

  /// Returns when it works.
  @discardableResult
  func startWorker(_ settings: [String: String] = [:]) async throws -> TicketHubProcess {
    let worker = try start("worker", settings)
    try await worker.logged("worker ready")
    return worker
  }

  private func start(_ role: String, _ settings: [String: String]) throws -> TicketHubProcess {
    let number = state.withLock { state in
      state.started += 1
      return state.started
    }
    return try TicketHubProcess(
      [role], environment: environment.merging(settings) { $1 }, log: "\(directory)/\(role)-\(number).log")
  }

  // MARK: People

  /// The token of a customer who has signed in, without the work of signing in; someone new each time.
  func token(expiresIn seconds: Int = 3600) -> String { token(.customer, expiresIn: seconds) }

  func organiserToken() -> String { token(.organiser) }

  func operatorToken() -> String { token(.operator_) }

  private func token(_ role: User.Role, expiresIn seconds: Int = 3600) -> String {
    let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    return authority.issue(
      AccessToken(
        user: CustomerID(randomUUID()), session: randomUUID(), role: role, expiresAt: now.adding(seconds: seconds)))
  }

  // MARK: Events

  /// Creates an event; see ``newEvent(_:)``.
  func event(by organiser: String? = nil, _ changes: [String: JSON] = [:]) async throws -> Event {
    let reply = try await gateway.post("/v1/events", newEvent(changes), as: organiser ?? organiserToken(), key: uniqueKey())
    guard reply.status == 201 else { throw Unexpected("an event was not created: \(reply)") }
    return try reply.decoded()
  }
}

/// A hundred standing places at 25.00 EUR and two rows of ten seats at 50.00 EUR, the first with an aisle in the middle.
func newEvent(_ changes: [String: JSON] = [:]) -> JSON {
  let event: [String: JSON] = [
    "name": "A concert", "venue": "A hall", "starts_at": .time(in: 86_400),
    "sections": [
      [
        "id": "floor", "name": "Floor", "kind": "general_admission", "capacity": 100,
        "price": ["amount": 2500, "currency": "EUR"],
      ],
      [
        "id": "stalls", "name": "Stalls", "kind": "seated", "price": ["amount": 5000, "currency": "EUR"],
        "rows": [["name": "A", "seats": 10, "aisles_after": [5]], ["name": "B", "seats": 10]],
      ],
    ],
  ]
  return .object(event.merging(changes) { $1 })
}

/// An idempotency key that nobody else has.
func uniqueKey() -> String { UUID().uuidString }
