import Pipeline
import Synchronization
import TestSupport
import Testing
import Ticketing

@testable import Gateway

struct CatalogueKeeperTests {
  private let view = FakeCatalogue()
  private let store = FakeEventStore()

  /// Runs it until it has looked so often. No time passes but what it sleeps, and what the store takes from the clock.
  private func look(_ times: Int, _ clock: Clock = Clock()) async {
    let looks = Atomic(0)
    let (end, done) = AsyncStream.makeStream(of: Void.self)
    let keeper = CatalogueKeeper(
      view: view, store: store,
      time: Timekeeper(now: { clock.now.withLock { $0 } }) { duration in
        clock.now.withLock { $0 += duration }
        if looks.add(1, ordering: .relaxed).newValue < times { return }
        done.finish()
        try await Task.sleep(for: .seconds(3600))
      }, logger: .silent)
    let service = Task { try await keeper.run() }
    for await _ in end {}
    service.cancel()
    _ = await service.result
  }

  private final class Clock: Sendable {
    let now = Mutex(ContinuousClock.now)
  }

  @Test func `events are counted the more seldom the longer it takes`() async throws {
    let clock = Clock()
    let counts = Atomic(0)
    store.onCount {
      counts.add(1, ordering: .relaxed)
      clock.now.withLock { $0 += .seconds(1) }
    }
    await look(1, clock)
    #expect(counts.load(ordering: .relaxed) == 0)
    // A minute, in which it counts, rests for 20 seconds, and so on.
    await look(30, clock)
    #expect(3...4 ~= counts.load(ordering: .relaxed))
  }

  /// A page has a hundred.
  @Test(arguments: [0, 1, 99, 100, 101, 250])
  func `a list that was lost is complete once all events are in it`(count: Int) async throws {
    for id in 0..<count { store.put(.sample(id: UInt128(id))) }
    await look(1)
    #expect(try await view.listedCount() == count)
  }

  @Test func `an event that is not in the list is put there when it was missed twice`() async throws {
    store.put(.sample(id: 1))
    await look(1)
    store.put(.sample(id: 2))
    await look(1)
    #expect(try await view.listedCount() == 1)
    await look(2)
    #expect(try await view.listedCount() == 2)
  }
}
