import Logging
import Pipeline
import ServiceLifecycle
import Ticketing

/// Keeps the list of published events in Redis equal to the database's: where Redis lost it, or was away when an event was created, it
/// lists all events again.
struct CatalogueKeeper: Service {
  private static let interval = Duration.seconds(2)
  private static let page = 100
  /// How many times as long as it took the next count is put off, since the database reads all events for it; and for how long at most.
  private static let countPause = 20
  private static let longestPause = Duration.seconds(30)

  let view: any CatalogueView
  let store: any EventStore
  var time: Timekeeper = .system
  let logger: Logger

  func run() async throws {
    var comparison = Comparison()
    while !Task.isShuttingDownGracefully && !Task.isCancelled {
      do {
        let listed = try await view.listedCount()
        var mustList = listed == nil
        if let listed { mustList = try await lacksEvents(listed, &comparison) }
        if mustList { try await listAll() }
      } catch {
        // What could not be listed is to be found as soon as it can.
        comparison.nextCount = nil
        logger.debug("the catalogue can't be compared", metadata: ["reason": "\(error)"])
      }
      await cancelWhenGracefulShutdown { try? await time.sleep(Self.interval) }
    }
  }

  private struct Comparison {
    var nextCount: ContinuousClock.Instant?
    /// Whether the last count was another one.
    var differed = false
  }

  /// Whether the list has not as many events as the database, twice in a row: an event that is just being created is in the database
  /// first.
  private func lacksEvents(_ listed: Int, _ comparison: inout Comparison) async throws(StoreUnavailable) -> Bool {
    let began = time.now()
    if let nextCount = comparison.nextCount, began < nextCount { return false }
    let differs = try await store.publishedCount() != listed
    defer { comparison.differed = differs && !comparison.differed }
    comparison.nextCount = differs ? nil : time.now() + min(Self.longestPause, (time.now() - began) * Self.countPause)
    return differs && comparison.differed
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
