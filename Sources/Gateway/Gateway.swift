public import BlockingThread
public import Logging
public import Pipeline
public import ServiceLifecycle
public import Telemetry
public import Ticketing

/// What the gateway needs of the world.
public struct GatewayDependencies: Sendable {
  public var publisher: any CommandPublisher
  public var view: any ReservationView
  /// Where batches of requests are made and wait for the view and the broker; one of their own if there is none.
  public var intakeThread: TaskThread?
  public var catalogue: any CatalogueView
  public var changes: any ChangeFeed
  public var events: any EventStore
  public var reservations: any ReservationStore
  public var accounts: any Accounts
  public var deadLetters: any DeadLetters
  public var authority: TokenAuthority
  public var partitioning: Partitioning
  public var rates: any RateCounter
  public var limits: RateLimits
  public var metrics: MetricRegistry
  public var now: @Sendable () -> Timestamp
  public var logger: Logger

  public init(
    publisher: any CommandPublisher, view: any ReservationView, intakeThread: TaskThread? = nil,
    catalogue: any CatalogueView, changes: any ChangeFeed, events: any EventStore, reservations: any ReservationStore,
    accounts: any Accounts, deadLetters: any DeadLetters, authority: TokenAuthority, partitioning: Partitioning,
    rates: any RateCounter, limits: RateLimits, metrics: MetricRegistry, now: @escaping @Sendable () -> Timestamp,
    logger: Logger
  ) {
    self.publisher = publisher
    self.view = view
    self.intakeThread = intakeThread
    self.catalogue = catalogue
    self.changes = changes
    self.events = events
    self.reservations = reservations
    self.accounts = accounts
    self.deadLetters = deadLetters
    self.authority = authority
    self.partitioning = partitioning
    self.rates = rates
    self.limits = limits
    self.metrics = metrics
    self.now = now
    self.logger = logger
  }
}

/// The gateway's services: the HTTP servers, and what must run beside them. They are to be ended one by one, the last first.
/// - Parameter adminPort: where `/metrics` is, with `/livez` and `/readyz` once more; nil for none.
public func makeGateway(
  _ dependencies: GatewayDependencies, host: String, port: Int, adminPort: Int?
) -> [any Service] {
  let routes = makeRoutes(dependencies)
  var services = routes.services
  if let adminPort {
    let table = makeAdminRoutes(dependencies, routes.health)
    services.append(HTTPServer(table, dependencies, name: "metrics", host: host, port: adminPort))
  }
  services.append(HTTPServer(routes.table, dependencies, name: "gateway", host: host, port: port))
  // Ends before the server does, which waits until the requests are answered that are held here.
  services.append(routes.waiters)
  return services
}

extension HTTPServer {
  fileprivate init(_ table: RouteTable, _ dependencies: GatewayDependencies, name: String, host: String, port: Int) {
    let responder = Responder(table, metrics: dependencies.metrics, logger: dependencies.logger)
    self.init(responder: responder, name: name, host: host, port: port, logger: dependencies.logger)
  }
}

extension Timekeeper {
  /// The machine's own, for tasks that run on this thread.
  fileprivate init(sleepingOn thread: TaskThread) {
    self.init(now: { .now }, sleep: { try await thread.sleep(for: $0) })
  }
}

private func makeAdminRoutes(_ dependencies: GatewayDependencies, _ health: HealthRoutes) -> RouteTable {
  var table = RouteTable()
  MetricsRoute(metrics: dependencies.metrics).add(to: &table)
  health.add(to: &table)
  return table
}

/// All operations, and the services that must run for them; the waiters must be told first that the process is to stop.
/// - Parameter time: how the limit of a probe is measured.
func makeRoutes(
  _ dependencies: GatewayDependencies, time: Timekeeper = .system
) -> (table: RouteTable, health: HealthRoutes, services: [any Service], waiters: Waiters) {
  let authenticator = Authenticator(
    authority: dependencies.authority, accounts: dependencies.accounts, now: dependencies.now, logger: dependencies.logger)
  let limiter = RateLimiter(dependencies.limits, counter: dependencies.rates, now: dependencies.now)
  let waiters = Waiters(feed: dependencies.changes)
  let directory = EventDirectory(
    view: dependencies.catalogue, store: dependencies.events, partitioning: dependencies.partitioning)
  let unnoted = UnnotedPartitions(dependencies.view)
  let intakeThread = dependencies.intakeThread ?? TaskThread(name: "intake")
  let intake = Intake(
    view: dependencies.view, unnoted: unnoted, publisher: dependencies.publisher, metrics: dependencies.metrics,
    time: Timekeeper(sleepingOn: intakeThread), executor: intakeThread, logger: dependencies.logger)
  let keeper = CatalogueKeeper(view: dependencies.catalogue, store: dependencies.events, logger: dependencies.logger)

  var table = RouteTable()
  AccountRoutes(accounts: dependencies.accounts, authenticator: authenticator, limiter: limiter).add(to: &table)
  EventRoutes(
    authenticator: authenticator, directory: directory, view: dependencies.view, catalogue: dependencies.catalogue,
    list: EventList(view: dependencies.catalogue, store: dependencies.events, logger: dependencies.logger),
    events: dependencies.events, reservations: dependencies.reservations, now: dependencies.now, logger: dependencies.logger
  ).add(to: &table)
  let reader = ReservationReader(
    view: dependencies.view, unnoted: unnoted, store: dependencies.reservations, partitioning: dependencies.partitioning)
  CreateReservation(
    authenticator: authenticator, limiter: limiter, directory: directory, view: dependencies.view, intake: intake,
    now: dependencies.now
  ).add(to: &table)
  GetReservation(
    authenticator: authenticator, directory: directory, reader: reader, waiters: waiters, view: dependencies.view,
    now: dependencies.now
  ).add(to: &table)
  ChangeReservation(
    authenticator: authenticator, limiter: limiter, directory: directory, reader: reader, view: dependencies.view, intake: intake,
    now: dependencies.now
  ).add(to: &table)
  DeadLetterRoutes(authenticator: authenticator, deadLetters: dependencies.deadLetters, logger: dependencies.logger).add(
    to: &table)
  let health = HealthRoutes(
    publisher: dependencies.publisher, view: dependencies.view, reservations: dependencies.reservations, time: time)
  health.add(to: &table)
  ContractRoutes().add(to: &table)
  return (table, health, [authenticator, keeper, ConnectionKeeper(publisher: dependencies.publisher)], waiters)
}

/// Has the connection to the broker made again as soon as it can be, so that it is not a client's request that finds it gone.
private struct ConnectionKeeper: Service {
  private static let interval = Duration.milliseconds(250)

  let publisher: any CommandPublisher

  func run() async throws {
    while !Task.isShuttingDownGracefully && !Task.isCancelled {
      _ = await publisher.obstacle()
      await cancelWhenGracefulShutdown { try? await Task.sleep(for: Self.interval) }
    }
  }
}
