import BlockingThread
import Glibc
import Synchronization

/// Ends C calls that take too long.
///
/// librabbitmq 0.11 writes, and in one place reads, without any limit: `amqp_basic_publish` towards a stopped broker never
/// returns ([rabbitmq-c #780](https://github.com/alanxz/rabbitmq-c/issues/780), fixed in 0.14). The one thing that
/// reliably gets a thread out of such a call is to shut the socket down from another thread, and that is what this one does.
actor Watchdog {
  static let shared = Watchdog()

  /// How late a call may be ended. The thread wakes this often while there is any connection.
  private static let tick = Duration.milliseconds(200)

  private let thread = BlockingThread(name: "rabbitmq-watch")
  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
  private var leashes: [Leash] = []

  /// Watches this leash until it is released.
  func watch(_ leash: Leash) {
    leashes.append(leash)
    guard leashes.count == 1 else { return }
    // No file descriptor, only the interval.
    thread.watch(-1, every: Self.tick) { [unowned self] in assumeIsolated { $0.check() } }
  }

  private func check() {
    let now = ContinuousClock.now
    leashes.removeAll { !$0.check(at: now) }
    if leashes.isEmpty { thread.unwatch() }
  }
}

/// One socket under the watchdog's eye.
final class Leash: Sendable {
  private struct State {
    var descriptor: CInt
    var deadline: ContinuousClock.Instant?
    var wasPulled = false
  }

  private let limit: Duration
  private let state: Mutex<State>

  /// - Parameter socket: is duplicated, so that a pull never hits another file that got the same number after
  ///   the library closed its own descriptor.
  /// Nil if there is no file descriptor left.
  init?(socket: CInt, limit: Duration) {
    let duplicate = fcntl(socket, F_DUPFD_CLOEXEC, 0)
    guard duplicate >= 0 else { return nil }
    self.limit = limit
    self.state = Mutex(State(descriptor: duplicate))
  }

  deinit { release() }

  /// Whether the socket was shut down.
  var wasPulled: Bool { state.withLock { $0.wasPulled } }

  /// Before a C call: from now on it has `limit`.
  func arm() {
    let deadline = ContinuousClock.now + limit
    state.withLock { $0.deadline = deadline }
  }

  /// After the call.
  func disarm() { state.withLock { $0.deadline = nil } }

  /// Lets go of the socket. Without this the duplicate would keep the connection open.
  func release() {
    state.withLock { state in
      if state.descriptor >= 0 { close(state.descriptor) }
      state.descriptor = -1
      state.deadline = nil
    }
  }

  /// Shuts the socket down if a call is overdue; false once the leash is released.
  fileprivate func check(at now: ContinuousClock.Instant) -> Bool {
    state.withLock { state in
      guard state.descriptor >= 0 else { return false }
      guard let deadline = state.deadline, deadline <= now else { return true }
      shutdown(state.descriptor, CInt(SHUT_RDWR))
      state.deadline = nil
      state.wasPulled = true
      return true
    }
  }
}
