import Pipeline
import Synchronization
import Ticketing

/// Sessions that were ended before their time, as long as their tokens would be valid.
final class EndedSessions: Sendable {
  private struct State {
    /// Those that became known since `began`, and in the lifetime of a token before that.
    var recent: Set<UInt128> = []
    var earlier: Set<UInt128> = []
    var began: Timestamp
  }

  private let state: Mutex<State>

  init(now: Timestamp) { state = Mutex(State(began: now)) }

  func contains(_ session: UInt128) -> Bool {
    state.withLock { $0.recent.contains(session) || $0.earlier.contains(session) }
  }

  func insert(_ sessions: [UInt128], now: Timestamp) {
    state.withLock { state in
      if state.began.adding(seconds: TokenAuthority.lifetimeSeconds) < now {
        // The tokens of the earlier ones were issued longer ago than that.
        state.earlier = state.recent
        state.recent = []
        state.began = now
      }
      state.recent.formUnion(sessions)
    }
  }
}
