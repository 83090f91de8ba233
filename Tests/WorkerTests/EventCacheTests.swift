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

  @Test func `those unused for longest are forgotten, as many as there are too many`() {
    var cache = EventCache()
    let events = (0..<EventCache.maximumEvents + 3).map { _ in EventRecord.onSale([.standing(5)]).event }
    for event in events { cache.insert(LoadedEvent(state: EventState(event: event), head: HashChain.origin(of: event))) }
    cache.noteUse(of: events[0].id)
    cache.forgetUnused()
    let forgotten = events.indices.filter { cache[events[$0].id] == nil }
    #expect(forgotten == [1, 2, 3])
  }
}
