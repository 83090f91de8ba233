import BackendsTestSupport
import Logging
import Synchronization
import Ticketing

/// A clock that tests set.
final class TestClock: Sendable {
  private let time: Mutex<Timestamp>

  init(_ time: Timestamp = wallClock()) { self.time = Mutex(time) }

  var now: Timestamp { time.withLock { $0 } }
  func advance(seconds: Int) { time.withLock { $0 = $0.adding(seconds: seconds) } }
}

/// Says nothing below an error, so that a test's expected troubles don't fill its output.
let quietLogger: Logger = {
  var logger = Logger(label: "tests")
  logger.logLevel = .critical
  return logger
}()
