import Glibc
import Synchronization
import TicketHubTestSupport

/// The workers of a hub: how many there are changes all the time.
final class Crew: Sendable {
  private let hub: TicketHub
  private let workers = Mutex<[TicketHubProcess]>([])

  init(_ hub: TicketHub) { self.hub = hub }

  var count: Int { workers.withLock(\.count) }

  /// Takes a worker, to do to it what one likes; nil if there is none.
  func take() -> TicketHubProcess? { workers.withLock { $0.isEmpty ? nil : $0.removeFirst() } }

  /// Gives one back that works, or starts one in its place.
  func add(_ worker: TicketHubProcess? = nil) throws {
    let worker = try worker ?? hub.launchWorker()
    workers.withLock { $0.append(worker) }
  }

  /// Starts workers, or ends some in an orderly way, until there are so many.
  func scale(to number: Int) async throws {
    while count < number { try add() }
    while count > number, let worker = take() { _ = await worker.terminate() }
  }
}
