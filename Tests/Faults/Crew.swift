import Glibc
import Synchronization
import TicketHubTestSupport

/// The workers of a hub: how many there are changes all the time.
final class Crew: Sendable {
  private let hub: TicketHub
  private struct State {
    var workers: [TicketHubProcess] = []
    /// Those that something is done to, and that have not been replaced or given back.
    var absent = 0
  }

  private let state = Mutex(State())

  init(_ hub: TicketHub) { self.hub = hub }

  var count: Int { state.withLock(\.workers.count) }
  /// Whether nothing is done to any of them.
  var isComplete: Bool { state.withLock { $0.absent == 0 } }

  /// Takes a worker, to do to it what one likes; nil if there is none. Something must be added in its place.
  func take() -> TicketHubProcess? {
    state.withLock { state in
      if state.workers.isEmpty { return nil }
      state.absent += 1
      return state.workers.removeFirst()
    }
  }

  /// Gives one back that was taken and works, or starts one in its place.
  func add(_ worker: TicketHubProcess? = nil) throws {
    let worker = try worker ?? hub.launchWorker()
    state.withLock { state in
      state.absent -= 1
      state.workers.append(worker)
    }
  }

  /// Starts workers, or ends some in an orderly way, until there are so many.
  func scale(to number: Int) async throws {
    while count < number {
      let worker = try hub.launchWorker()
      state.withLock { $0.workers.append(worker) }
    }
    while let worker = state.withLock({ $0.workers.count > number ? $0.workers.removeFirst() : nil }) {
      _ = await worker.terminate()
    }
  }
}
