import Pipeline
import Synchronization
import TestSupport
import Testing
import Ticketing

@testable import Gateway

struct CatalogueKeeperTests {
  private let view = FakeCatalogue()
  private let store = FakeEventStore()

  /// Runs it until it has looked so often.
  private func look(_ times: Int) async {
    let looks = Atomic(0)
    let (end, done) = AsyncStream.makeStream(of: Void.self)
    let keeper = CatalogueKeeper(
      view: view, store: store,
      time: Timekeeper(now: { .now }) { _ in
        if looks.add(1, ordering: .relaxed).newValue < times { return }
        done.finish()
        try await Task.sleep(for: .seconds(3600))
      }, logger: .silent)
    let service = Task { try await keeper.run() }
    for await _ in end {}
    service.cancel()
    _ = await service.result
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
