import Logging
import Pipeline
import Testing
import Ticketing

@testable import Gateway

struct EventListTests {
  private let catalogue = FakeCatalogue()
  private let store = FakeEventStore()
  private let list: EventList
  private let start = PageMark(time: Timestamp(microseconds: 0), id: 0)

  init() { list = EventList(view: catalogue, store: store, logger: Logger(label: "tests")) }

  private func fill(_ ids: ClosedRange<Int>) async throws -> [EventRecord] {
    let records = ids.map { EventRecord.sample(id: UInt128($0)) }
    try await catalogue.list(records)
    try await catalogue.markListComplete()
    return records
  }

  @Test func `only those events are read that were not listed before`() async throws {
    let records = try await fill(1...3)
    #expect(try await list.events(after: start, limit: 2).map(\.id) == records[..<2].map(\.event.id))
    #expect(catalogue.looks == 2)
    let listed = try await list.events(after: start, limit: 10)
    #expect(listed.map(\.json) == records.map(\.json) && listed.map(\.mark) == records.map(\.pageMark))
    #expect(catalogue.looks == 3)
    _ = try await list.events(after: listed[0].mark, limit: 10)
    #expect(catalogue.looks == 3 && store.looks == 0)
  }

  @Test func `memory has a limit, and who was listed last is in it`() async throws {
    let records = try await fill(1...20_000)
    let size = records[0].json.count
    #expect(size * records.count > 2 * EventList.maximumBytes)
    #expect(try await list.events(after: start, limit: 20_000).map(\.id) == records.map(\.event.id))
    let last = try await list.events(after: records[19_998].pageMark, limit: 1)
    #expect(last.map(\.id) == [records[19_999].event.id] && catalogue.looks == 20_000)
    _ = try await list.events(after: start, limit: 20_000)
    #expect(catalogue.looks > 20_000 + records.count - EventList.maximumBytes / size - 1)
  }

  @Test func `a list of which the view has an event's id and not the event is the database's`() async throws {
    let records = try await fill(1...2)
    for record in records { store.put(record) }
    catalogue.lose(records[1].event.id)
    #expect(try await list.events(after: start, limit: 10).map(\.id) == records.map(\.event.id))
    #expect(try await list.events(after: start, limit: 10).map(\.id) == records.map(\.event.id))
    #expect(catalogue.looks == 2, "the database's are in memory")
  }
}
