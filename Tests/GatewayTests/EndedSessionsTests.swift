import Pipeline
import Testing
import Ticketing

@testable import Gateway

struct EndedSessionsTests {
  @Test func `a session is known to be over for as long as its token would be valid, and then forgotten`() {
    let lifetime = Int64(TokenAuthority.lifetimeSeconds)
    let ended = EndedSessions(now: present)
    func number(_ hours: Int64) -> UInt128 { UInt128(hours) }
    var lastKnown = 0
    for hour in Int64(0)...200 {
      let now = present.adding(seconds: Int(hour) * 3600)
      ended.insert([number(hour)], now: now)
      for earlier in max(0, hour - lifetime / 3600)...hour { #expect(ended.contains(number(earlier))) }
      lastKnown = (Int64(0)...hour).count { ended.contains(number($0)) }
    }
    #expect(lastKnown <= 2 * lifetime / 3600 + 2)
  }
}
