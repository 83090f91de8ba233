import Pipeline
import Synchronization

/// Dead letters in memory, which the test can take away.
final class FakeDeadLetters: DeadLetters {
  struct State {
    var isAway = false
    var letters: [KeptDeadLetter] = []
  }

  private let state = Mutex(State())

  func set(_ change: @Sendable (inout State) -> Void) { state.withLock { change(&$0) } }

  func list(after mark: PageMark?, limit: Int) async throws(StoreUnavailable) -> [KeptDeadLetter] {
    try state.withLock { state throws(StoreUnavailable) in
      if state.isAway { throw StoreUnavailable("taken away by the test") }
      let newest = state.letters.sorted { ($0.deadAt, $0.id) > ($1.deadAt, $1.id) }
      return Array(
        newest.filter { letter in mark.map { (letter.deadAt, letter.id.rawValue) < ($0.time, $0.id) } ?? true }.prefix(limit))
    }
  }

  func letter(_ id: DeadLetterID) async throws(StoreUnavailable) -> KeptDeadLetter? {
    state.withLock { $0.letters.first { $0.id == id } }
  }

  func replay(_ id: DeadLetterID) async throws(DeadLetterFailure) { try settle(id, as: .replayed) }

  func discard(_ id: DeadLetterID) async throws(DeadLetterFailure) { try settle(id, as: .discarded) }

  private func settle(_ id: DeadLetterID, as status: KeptDeadLetter.Status) throws(DeadLetterFailure) {
    try state.withLock { state throws(DeadLetterFailure) in
      if state.isAway { throw .unavailable("taken away by the test") }
      guard let index = state.letters.firstIndex(where: { $0.id == id }) else { throw .unknown }
      if state.letters[index].status.isFinal { throw .settled(state.letters[index].status) }
      state.letters[index].status = status
    }
  }
}
