import Pipeline
import TestSupport
import Testing
import Ticketing

@testable import Gateway

struct CatalogueKeeperTests {
  /// A page has a hundred.
  @Test(arguments: [0, 1, 99, 100, 101, 250])
  func `a list that was lost is complete once all events are in it`(count: Int) async throws {
    let (view, store) = (FakeCatalogue(), FakeEventStore())
    for id in 0..<count { store.put(.sample(id: UInt128(id))) }
    let keeper = CatalogueKeeper(view: view, store: store, logger: .silent)
    let service = Task { try await keeper.run() }
    defer { service.cancel() }
    var listed: Int?
    try await eventually("the list is complete") {
      listed = try await view.listedCount()
      return listed != nil
    }
    #expect(listed == count)
  }
}
