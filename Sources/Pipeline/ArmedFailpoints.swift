import Glibc
import Synchronization

/// What `TICKETHUB_FAILPOINTS` asks for.
final class ArmedFailpoints: Sendable {
  enum Action: String, CaseIterable {
    /// As a power cut: nothing is cleaned up.
    case crash
    /// Until somebody continues the process with `SIGCONT`.
    case stop

    fileprivate var signal: Int32 {
      switch self {
      case .crash: SIGKILL
      case .stop: SIGSTOP
      }
    }
  }

  private struct Trap {
    var action: Action
    /// How many more times the place is passed before it acts.
    var countdown: Int
  }

  private let traps: Mutex<[Failpoint: Trap]>

  /// - Parameter text: `PLACE=ACTION:COUNT`, with commas between several.
  /// - Returns: nil where it is not of that form.
  init?(_ text: String) {
    var traps: [Failpoint: Trap] = [:]
    for part in text.split(separator: ",") {
      let words = part.split(whereSeparator: { $0 == "=" || $0 == ":" })
      guard words.count == 3, let place = Failpoint(rawValue: String(words[0])), let action = Action(rawValue: String(words[1])),
        let count = Int(words[2]), count > 0
      else { return nil }
      traps[place] = Trap(action: action, countdown: count)
    }
    self.traps = Mutex(traps)
  }

  /// What is to be done at a place at this time.
  func action(at place: Failpoint) -> Action? {
    traps.withLock { traps in
      guard var trap = traps[place] else { return nil }
      trap.countdown -= 1
      traps[place] = trap.countdown == 0 ? nil : trap
      return trap.countdown == 0 ? trap.action : nil
    }
  }

  func pass(_ place: Failpoint) {
    if let action = action(at: place) { kill(getpid(), action.signal) }
  }
}
