public import Logging
public import Pipeline
public import ServiceLifecycle
public import Ticketing

/// What the gateway needs of the world.
public struct GatewayDependencies: Sendable {
  public var publisher: any CommandPublisher
  public var view: any ReservationView
  public var catalogue: any CatalogueView
  public var changes: any ChangeFeed
  public var events: any EventStore
  public var reservations: any ReservationStore
  public var accounts: any Accounts
  public var authority: TokenAuthority
  public var partitioning: Partitioning
  public var now: @Sendable () -> Timestamp
  public var logger: Logger

  public init(
    publisher: any CommandPublisher, view: any ReservationView, catalogue: any CatalogueView, changes: any ChangeFeed,
    events: any EventStore, reservations: any ReservationStore, accounts: any Accounts, authority: TokenAuthority,
    partitioning: Partitioning, now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.publisher = publisher
    self.view = view
    self.catalogue = catalogue
    self.changes = changes
    self.events = events
    self.reservations = reservations
    self.accounts = accounts
    self.authority = authority
    self.partitioning = partitioning
    self.now = now
    self.logger = logger
  }
}

/// The gateway's services: the HTTP server, last, and what must run beside it.
public func makeGateway(_ dependencies: GatewayDependencies, host: String, port: Int) throws -> [any Service] {
  let (table, services) = try makeRoutes(dependencies)
  let server = HTTPServer(
    responder: Responder(table, logger: dependencies.logger), host: host, port: port, logger: dependencies.logger)
  return services + [server]
}

/// All operations, and the services that must run for them.
func makeRoutes(_ dependencies: GatewayDependencies) throws -> (table: RouteTable, services: [any Service]) {
  let authenticator = Authenticator(
    authority: dependencies.authority, accounts: dependencies.accounts, now: dependencies.now, logger: dependencies.logger)
  let waiters = Waiters(feed: dependencies.changes)
  let directory = EventDirectory(
    view: dependencies.catalogue, store: dependencies.events, partitioning: dependencies.partitioning)
  let intake = Intake(view: dependencies.view, publisher: dependencies.publisher, logger: dependencies.logger)
  let keeper = CatalogueKeeper(view: dependencies.catalogue, store: dependencies.events, logger: dependencies.logger)

  var table = RouteTable()
  AccountRoutes(accounts: dependencies.accounts, authenticator: authenticator).add(to: &table)
  EventRoutes(
    authenticator: authenticator, directory: directory, view: dependencies.view, catalogue: dependencies.catalogue,
    events: dependencies.events, reservations: dependencies.reservations, now: dependencies.now, logger: dependencies.logger
  ).add(to: &table)
  let reader = ReservationReader(view: dependencies.view, store: dependencies.reservations)
  CreateReservation(
    authenticator: authenticator, directory: directory, view: dependencies.view, intake: intake, now: dependencies.now
  ).add(to: &table)
  GetReservation(
    authenticator: authenticator, directory: directory, reader: reader, waiters: waiters, view: dependencies.view,
    now: dependencies.now
  ).add(to: &table)
  ChangeReservation(
    authenticator: authenticator, directory: directory, reader: reader, view: dependencies.view, intake: intake,
    now: dependencies.now
  ).add(to: &table)
  HealthRoutes(publisher: dependencies.publisher, view: dependencies.view, reservations: dependencies.reservations).add(
    to: &table)
  try ContractRoutes().add(to: &table)
  return (table, [authenticator, waiters, keeper, ConnectionKeeper(publisher: dependencies.publisher)])
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
