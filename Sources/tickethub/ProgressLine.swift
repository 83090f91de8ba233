import Glibc
import Synchronization

/// The progress: one line that is rewritten in a terminal, elsewhere a line every other second.
final class ProgressLine: Sendable {
  private static let interval = Duration.seconds(2)

  private let isTerminal = isatty(STDERR_FILENO) != 0
  /// The first one after a second: what takes less needs none.
  private let next = Mutex(ContinuousClock.now + .seconds(1))

  func show(_ text: @autoclosure () -> String) {
    if isTerminal {
      printError("\r\u{1B}[K\(text())")
    } else if isDue() {
      printError("\(text())\n")
    }
  }

  func end() { if isTerminal { printError("\n") } }

  private func isDue() -> Bool {
    next.withLock { next in
      if next > .now { return false }
      next = .now + Self.interval
      return true
    }
  }
}

extension Double {
  /// Rounded to one decimal, for people.
  var inTenths: Double { (self * 10).rounded() / 10 }
}
