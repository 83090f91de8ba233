import Pipeline
import ServiceLifecycle
import Synchronization

/// Requests that are held until a reservation changes.
final class Waiters: Service {
  /// How often waits that are over are ended.
  private static let tick = Duration.milliseconds(100)

  private struct Entry {
    var deadline: ContinuousClock.Instant
    var isSignalled = false
    var continuation: CheckedContinuation<Void, Never>?
  }

  private struct State {
    var entries: [UInt128: [UInt64: Entry]] = [:]
    var lastTicket: UInt64 = 0
    var isOver = false
  }

  /// One wait.
  struct Ticket {
    fileprivate var id: UInt128
    fileprivate var number: UInt64
  }

  private let feed: any ChangeFeed
  private let time: Timekeeper
  private let state = Mutex(State())

  init(feed: any ChangeFeed, time: Timekeeper = .system) {
    self.feed = feed
    self.time = time
  }

  /// Hears of changes and ends waits until shutdown.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskGroup { group in
        group.addTask {
          await self.feed.run { changed in
            if let changed { self.signal(changed) } else { self.signalAll() }
          }
        }
        group.addTask {
          while !Task.isCancelled {
            self.endOverdue()
            try? await self.time.sleep(Self.tick)
          }
        }
      }
    }
    state.withLock { $0.isOver = true }
    signalAll()
  }

  /// Whether nobody hears of changes any more, since the process is to stop.
  var isOver: Bool { state.withLock { $0.isOver } }

  /// Begins to listen for a change of `id`. Look at its state after this and before ``wait(_:)``, so that no change slips in between.
  func listen(for id: UInt128, atMost duration: Duration) -> Ticket {
    state.withLock { state in
      state.lastTicket += 1
      state.entries[id, default: [:]][state.lastTicket] = Entry(deadline: time.now() + duration)
      return Ticket(id: id, number: state.lastTicket)
    }
  }

  /// Returns once there was a change since ``listen(for:atMost:)`` or its time is over, give or take a tick.
  func wait(_ ticket: Ticket) async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        guard let entry = state.entries[ticket.id]?[ticket.number], !entry.isSignalled else { return true }
        state.entries[ticket.id]?[ticket.number]?.continuation = continuation
        return false
      }
      if isOver { continuation.resume() }
    }
    stopListening(ticket)
  }

  func stopListening(_ ticket: Ticket) {
    state.withLock { state in
      state.entries[ticket.id]?[ticket.number] = nil
      if state.entries[ticket.id]?.isEmpty == true { state.entries[ticket.id] = nil }
    }
  }

  private func signal(_ ids: [UInt128]) {
    let woken = state.withLock { state in
      if state.entries.isEmpty { return [CheckedContinuation<Void, Never>]() }
      return ids.flatMap { id in Self.signal(&state, id) { _ in true } }
    }
    for continuation in woken { continuation.resume() }
  }

  private func signalAll() { signal(state.withLock { Array($0.entries.keys) }) }

  private func endOverdue() {
    let now = time.now()
    let woken = state.withLock { state in state.entries.keys.flatMap { id in Self.signal(&state, id) { $0.deadline <= now } } }
    for continuation in woken { continuation.resume() }
  }

  /// Marks entries and takes the continuations of those that wait.
  private static func signal(
    _ state: inout State, _ id: UInt128, where isDue: (Entry) -> Bool
  ) -> [CheckedContinuation<Void, Never>] {
    guard var entries = state.entries[id] else { return [] }
    var woken: [CheckedContinuation<Void, Never>] = []
    for (number, entry) in entries where isDue(entry) {
      if let continuation = entry.continuation { woken.append(continuation) }
      entries[number]?.isSignalled = true
      entries[number]?.continuation = nil
    }
    state.entries[id] = entries
    return woken
  }
}
