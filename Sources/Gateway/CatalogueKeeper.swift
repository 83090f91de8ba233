import Logging
import Pipeline
import ServiceLifecycle
import Ticketing

/// Keeps the list of published events in Redis equal to the database's: where Redis lost it, or was away when an event was created, it
/// lists all events again.
struct CatalogueKeeper: Service {
  private static let interval = Duration.seconds(2)
  private static let page = 100

  let view: any CatalogueView
  let store: any EventStore
  let logger: Logger

  func run() async throws {
    while !Task.isShuttingDownGracefully && !Task.isCancelled {
      do {
        if try await view.listedCount() != store.publishedCount() { try await listAll() }
      } catch {
        logger.debug("the catalogue can't be compared", metadata: ["reason": "\(error)"])
      }
      await cancelWhenGracefulShutdown { try? await Task.sleep(for: Self.interval) }
    }
  }

  private func listAll() async throws {
    var mark: PageMark?
    var count = 0
    while true {
      let events = try await store.publishedEvents(after: mark, limit: Self.page)
      try await view.list(events)
      count += events.count
      guard events.count == Self.page, let last = events.last else { break }
      mark = last.pageMark
    }
    try await view.markListComplete()
    logger.info("the catalogue was listed", metadata: ["events": "\(count)"])
  }
}
