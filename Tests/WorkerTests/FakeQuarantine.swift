import Pipeline
import Synchronization
import Ticketing

/// What workers note about suspicious commands, in memory.
final class FakeQuarantine: Quarantine {
  private struct State {
    var attempts: [CommandID: Attempts] = [:]
    var setAside: Set<CommandID> = []
    var notes = 0
    var clearances = 0
    var refusals = 0
    /// How many of the next calls find nobody.
    var callsAway = 0
  }

  private let state = Mutex(State())

  /// The commands of dead letters that wait or were discarded.
  var setAside: Set<CommandID> {
    get { state.withLock { $0.setAside } }
    set { state.withLock { $0.setAside = newValue } }
  }
  var attempts: [CommandID: Attempts] { state.withLock { $0.attempts } }
  /// How often something was noted.
  var notes: Int { state.withLock { $0.notes } }
  var clearances: Int { state.withLock { $0.clearances } }
  /// How many calls found nobody.
  var refusals: Int { state.withLock { $0.refusals } }

  func goAway(calls: Int) { state.withLock { $0.callsAway = calls } }

  // MARK: Quarantine

  func commandsSetAside(in partition: Int) async throws(JournalFailure) -> Set<CommandID> { try answering { $0.setAside } }

  func attempts(at commands: [CommandID]) async throws(JournalFailure) -> [CommandID: Attempts] {
    try answering { $0.attempts.filter { commands.contains($0.key) } }
  }

  func noteAttempt(at commands: [CommandID], in partition: Int) async throws(JournalFailure) -> [CommandID: Attempts] {
    try answering { state in
      state.notes += 1
      for command in commands {
        if commands.count == 1 {
          state.attempts[command, default: Attempts()].alone += 1
        } else {
          state.attempts[command, default: Attempts()].together += 1
        }
      }
      return state.attempts.filter { commands.contains($0.key) }
    }
  }

  func withdrawAttempt(at command: CommandID) async throws(JournalFailure) {
    try answering { $0.attempts[command]?.alone -= 1 }
  }

  func clearAttempts(in partition: Int) async throws(JournalFailure) {
    try answering { state in
      state.attempts = [:]
      state.clearances += 1
    }
  }

  private func answering<Answer>(_ body: (inout State) -> Answer) throws(JournalFailure) -> Answer {
    try state.withLock { state throws(JournalFailure) in
      if state.callsAway > 0 {
        state.callsAway -= 1
        state.refusals += 1
        throw .unavailable("away")
      }
      return body(&state)
    }
  }
}
