import Backends
import BackendsTestSupport
import Pipeline
import Redis
import Testing
import Ticketing

struct CatalogueTests {
  /// Before all events.
  private let start = PageMark(time: Timestamp(microseconds: 0), id: 0)

  @Test func `events that start at the same time come in pages, each once`() async throws {
    try await withRedis(redisDatabase()) { redis in
      let catalogue = RedisCatalogue(redis)
      let now = wallClock()
      let events = (0..<150).map { _ in EventRecord.onSale([.standing(5)], startsAt: now) }
      let later = EventRecord.onSale([.standing(5)], startsAt: now.adding(seconds: 1))
      try await catalogue.list([later] + events)
      #expect(try await catalogue.publishedIDs(after: start, limit: 10) == nil, "it is not known to be complete")
      #expect(try await catalogue.listedCount() == nil)
      try await catalogue.markListComplete()
      #expect(try await catalogue.listedCount() == 151)

      var listed: [EventRecord] = []
      while true {
        let page = try #require(try await catalogue.publishedIDs(after: listed.last?.pageMark ?? start, limit: 40))
        listed += try await catalogue.events(page).compactMap(\.self)
        if page.isEmpty || listed.count > 151 { break }
      }
      #expect(listed == events.sorted { $0.event.id < $1.event.id } + [later])
    }
  }

  @Test func `of a new event all is left from the beginning, and what was decided of it stays`() async throws {
    try await withRedis(redisDatabase()) { redis async throws in
      let (catalogue, view) = (RedisCatalogue(redis), RedisView(redis))
      let event = EventRecord.onSale([.seated(rows: 2, of: 5)])
      #expect(try await view.availability(of: event.event, in: 0) == nil)
      try await catalogue.list(new: event)
      #expect(try await catalogue.events([event.event.id]) == [event])
      #expect(try await view.availability(of: event.event, in: 0) == Availability(untouched: event.event))
      let change = ViewChange(event.event.id, from: 0, to: 1, held: 3)
      #expect(try await RedisProjection(redis).project([change], partition: 0, progress: nil) == [.done])
      try await catalogue.list(new: event)
      #expect(try await view.availability(of: event.event, in: 0)?.sections.map(\.held) == [3])
    }
  }

  @Test func `drafts can be read and are not listed`() async throws {
    try await withRedis(redisDatabase()) { redis in
      let catalogue = RedisCatalogue(redis)
      let draft = EventRecord.onSale([.seated(rows: 2, of: 5)], status: .draft)
      let published = EventRecord.onSale([.seated(rows: 2, of: 5)])
      try await catalogue.list([draft, published])
      try await catalogue.markListComplete()
      #expect(try await catalogue.publishedIDs(after: start, limit: 10) == [published.event.id])
      #expect(try await catalogue.listedCount() == 1)
      #expect(try await catalogue.events([draft.event.id, random(), published.event.id]) == [draft, nil, published])
    }
  }
}
