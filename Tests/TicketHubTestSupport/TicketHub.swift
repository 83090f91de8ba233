import Foundation
import Pipeline
import Synchronization
public import TestSupport
public import Ticketing

/// A TicketHub of its own: three servers, two gateways, and as many workers as a test likes.
public final class TicketHub: Sendable {
  public let postgres: TestServer
  public let rabbitmq: TestServer
  public let redis: TestServer
  /// What lies between the processes and the servers, if anything does.
  public let links: [Link: StallingProxy]
  /// The settings of all processes, without links.
  public let environment: [String: String]
  /// Two that know nothing of each other but what they share in the servers.
  public let gateways: [Gateway]
  private let directory: String
  private let authority: TokenAuthority
  private let started = Atomic(0)
  private let gatewayProcesses = Mutex<[TicketHubProcess?]>([nil, nil])

  public enum Role: String, CaseIterable, Sendable {
    case gateway, worker
  }

  /// The way from all processes of a role to a server.
  public struct Link: Hashable, Sendable, CustomStringConvertible {
    public let role: Role
    public let server: TestServer.Kind

    public init(from role: Role, to server: TestServer.Kind) { (self.role, self.server) = (role, server) }

    public var description: String { "\(role)-\(server)" }
  }

  /// The one for tests that leave its processes alone; two workers.
  public static func shared() async throws -> TicketHub { try await sharedStart.value }
  private static let sharedStart = Task {
    let hub = try await TicketHub()
    for _ in 0..<2 { try await hub.startWorker() }
    // From then on the gateways know what is queued.
    let customer = hub.customer()
    try await eventually("the workers' marks") {
      try await hub.gateway.get("/v1/reservations/\(UUID())", as: customer.token).status == 404
    }
    return hub
  }

  /// With gateways and without workers.
  /// - Parameters:
  ///   - linked: whether the processes reach the servers through ``links``.
  ///   - settings: for all processes, beside those that they need.
  public init(linked: Bool = false, settings: [String: String] = [:]) async throws {
    async let ownPostgres = TestServer.own(.postgres)
    async let ownRabbitmq = TestServer.own(.rabbitmq)
    async let ownRedis = TestServer.own(.redis)
    (postgres, rabbitmq, redis) = try await (ownPostgres, ownRabbitmq, ownRedis)
    var links: [Link: StallingProxy] = [:]
    for server in linked ? [postgres, rabbitmq, redis] : [] {
      for role in Role.allCases { links[Link(from: role, to: server.kind)] = try StallingProxy(to: server.port) }
    }
    self.links = links
    let port = try await reservePorts()
    directory = "\(Checkout.state)/tickethub-\(port)"
    // Its processes' logs are read for what they say now.
    try? FileManager.default.removeItem(atPath: directory)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let secret = UUID().uuidString + UUID().uuidString
    authority = TokenAuthority(secret: Array(secret.utf8))
    environment = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "",
      "TICKETHUB_DATABASE_URL": postgres.url,
      "TICKETHUB_AMQP_URL": rabbitmq.url,
      "TICKETHUB_REDIS_URL": redis.url,
      "TICKETHUB_TOKEN_SECRET": secret,
      "TICKETHUB_SQL_DIR": "\(Checkout.path)/sql",
    ].merging(settings) { $1 }
    gateways = [Gateway(port: port), Gateway(port: port + 2)]
    let migration = try await tickethub(["migrate"], environment: environment)
    guard migration.status == 0 else { throw Unexpected("tickethub migrate: \(migration.errors)") }
    for index in gateways.indices { try startGateway(index) }
    for index in gateways.indices { try await readyGateway(index) }
  }

  /// A gateway that every test may ask.
  public var gateway: Gateway { gateways[0] }

  /// The process of a gateway, while it runs.
  public func process(ofGateway index: Int) -> TicketHubProcess? { gatewayProcesses.withLock { $0[index] } }

  /// Starts a gateway that is not running, on its port.
  @discardableResult
  public func startGateway(_ index: Int, _ settings: [String: String] = [:]) throws -> TicketHubProcess {
    let port = gateways[index].port
    // The port after it is the process's own, too.
    let own = ["TICKETHUB_PORT": "\(port)", "TICKETHUB_ADMIN_PORT": "\(port + 1)"].merging(settings) { $1 }
    let process = try start(.gateway, own)
    gatewayProcesses.withLock { $0[index] = process }
    return process
  }

  /// Returns when a gateway takes requests.
  public func readyGateway(_ index: Int) async throws {
    try await eventually(within: .seconds(60), "a ready gateway") { try await gateways[index].get("/readyz").status == 200 }
  }

  /// Returns when it works.
  @discardableResult
  public func startWorker(_ settings: [String: String] = [:]) async throws -> TicketHubProcess {
    let worker = try launchWorker(settings)
    try await worker.logged("worker ready")
    return worker
  }

  /// Starts a worker that may not come to work, for want of a server or because it dies before.
  public func launchWorker(_ settings: [String: String] = [:]) throws -> TicketHubProcess { try start(.worker, settings) }

  private func start(_ role: Role, _ settings: [String: String]) throws -> TicketHubProcess {
    var environment = environment
    for (link, proxy) in links where link.role == role {
      let (name, server) =
        switch link.server {
        case .postgres: ("TICKETHUB_DATABASE_URL", postgres)
        case .rabbitmq: ("TICKETHUB_AMQP_URL", rabbitmq)
        case .redis: ("TICKETHUB_REDIS_URL", redis)
        }
      environment[name] = server.url.replacing("127.0.0.1:\(server.port)", with: "127.0.0.1:\(proxy.port)")
    }
    let number = started.add(1, ordering: .relaxed).newValue
    return try TicketHubProcess(
      [role.rawValue], environment: environment.merging(settings) { $1 }, log: "\(directory)/\(role)-\(number).log")
  }

  // MARK: People

  /// The token of a customer who has signed in, without the work of signing in; someone new each time.
  public func token(expiresIn seconds: Int = 3600) -> String { token(.customer, expiresIn: seconds) }

  /// The token of a certain customer.
  public func token(of user: CustomerID) -> String { token(.customer, of: user, expiresIn: 3600) }

  public func organiserToken() -> String { token(.organiser) }

  public func operatorToken() -> String { token(.operator_) }

  private func token(
    _ role: User.Role, of user: CustomerID = CustomerID(randomUUID()), expiresIn seconds: Int = 3600
  ) -> String {
    let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    return authority.issue(AccessToken(user: user, session: randomUUID(), role: role, expiresAt: now.adding(seconds: seconds)))
  }

  // MARK: Events

  /// Creates an event; see ``newEvent(_:)``.
  public func event(by organiser: String? = nil, _ changes: [String: JSON] = [:]) async throws -> Event {
    let reply = try await gateway.post("/v1/events", newEvent(changes), as: organiser ?? organiserToken(), key: uniqueKey())
    guard reply.status == 201 else { throw Unexpected("an event was not created: \(reply)") }
    return try reply.decoded()
  }
}

/// A hundred standing places at 25.00 EUR and two rows of ten seats at 50.00 EUR, the first with an aisle in the middle.
public func newEvent(_ changes: [String: JSON] = [:]) -> JSON {
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
public func uniqueKey() -> String { UUID().uuidString }
