import BackendsTestSupport
import Pipeline
import Testing
import Ticketing

@testable import Worker

struct EventCacheTests {
  @Test func `where the earliest hold is put off, the next to end is the earliest of all others`() {
    var cache = EventCache()
    let (first, second) = (random(EventID.self), random(EventID.self))
    let now = wallClock()
    cache.noteExpiry(of: first, at: now.adding(seconds: 10))
    cache.noteExpiry(of: second, at: now.adding(seconds: 20))
    cache.noteExpiry(of: first, at: now.adding(seconds: 30))
    #expect(cache.nextExpiry == now.adding(seconds: 20))
    #expect(cache.eventsWithDueHolds(at: now.adding(seconds: 20)) == [second])
    cache.noteExpiry(of: second, at: nil)
    #expect(cache.nextExpiry == now.adding(seconds: 30))
    cache.noteExpiry(of: first, at: nil)
    #expect(cache.nextExpiry == nil)
  }

  private func insert(_ count: Int, into cache: inout EventCache) -> [Event] {
    let events = (0..<count).map { _ in EventRecord.onSale([.standing(5)]).event }
    for event in events { cache.insert(LoadedEvent(state: EventState(event: event), head: HashChain.origin(of: event))) }
    return events
  }

  @Test func `those unused for longest are forgotten, until as few are left as always stay`() {
    var cache = EventCache(minimumEvents: 10, maximumBytes: 0)
    let events = insert(13, into: &cache)
    cache.noteUse(of: events[0].id)
    cache.forgetUnused()
    #expect(events.indices.filter { cache[events[$0].id] == nil } == [1, 2, 3])
  }

  @Test func `more of them stay where they fit in memory, and a part goes where they do not`() {
    var cache = EventCache(minimumEvents: 10, maximumBytes: 2_048 * 80)
    let first = insert(80, into: &cache)
    cache.forgetUnused()
    #expect(first.allSatisfy { cache[$0.id] != nil })
    let second = insert(1, into: &cache)
    cache.forgetUnused()
    #expect((first + second).indices.filter { cache[(first + second)[$0].id] == nil } == Array(0..<11))
  }
}
