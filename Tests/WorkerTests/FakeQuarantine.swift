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

  func commandsSetAside(in partition: Int) async throws(JournalFailure) -> Set<CommandID> { setAside }

  func attempts(at commands: [CommandID]) async throws(JournalFailure) -> [CommandID: Attempts] {
    attempts.filter { commands.contains($0.key) }
  }

  func noteAttempt(at commands: [CommandID], in partition: Int) async throws(JournalFailure) -> [CommandID: Attempts] {
    state.withLock { state in
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
    state.withLock { $0.attempts[command]?.alone -= 1 }
  }

  func clearAttempts(in partition: Int) async throws(JournalFailure) {
    state.withLock { state in
      state.attempts = [:]
      state.clearances += 1
    }
  }
}
