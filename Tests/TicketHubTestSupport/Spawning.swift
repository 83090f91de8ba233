import Foundation
public import Glibc
import Synchronization
import TestSupport

/// The executable under test: `$TICKETHUB_BIN`, or what was built together with these tests.
public let executable = ProcessInfo.processInfo.environment["TICKETHUB_BIN"] ?? "\(Checkout.products)/tickethub"

/// Something that a test needs went otherwise.
public struct Unexpected: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Starts `tickethub` with files in place of a terminal.
///
/// Foundation's `Process` is of no use here: it learns of an end by a socket that children started at the same moment inherit, so
/// that it may wait for all of them.
public func spawn(
  _ arguments: [String], environment: [String: String], input: String = "/dev/null", output: String,
  errors: String
) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
  posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
  posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)

  // Threads of a library may block signals, and what inherits that could not be ended with SIGTERM.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

  var argv = ([executable] + arguments).map { strdup($0) } + [nil]
  var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
  defer { for text in argv + envp { free(text) } }
  var pid: pid_t = 0
  let failure = posix_spawn(&pid, executable, &actions, &attributes, &argv, &envp)
  guard failure == 0 else { throw Unexpected("\(executable) can't be started: \(String(cString: strerror(failure)))") }
  Reaper.shared.watch(pid)
  return pid
}

/// Waits for the end of a child.
/// - Returns: its exit status; negative for a signal.
public func exitStatus(of pid: pid_t) async -> Int32 {
  await withCheckedContinuation { continuation in
    Thread.detachNewThread {
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
      let signal = status & 0x7F
      continuation.resume(returning: signal == 0 ? status >> 8 & 0xFF : -signal)
    }
  }
}

/// Kills what this test process leaves running when it ends, however it ends: a child that waits for the end of a pipe.
private final class Reaper: Sendable {
  static let shared = Reaper()

  private let pipe: Mutex<UnsafeMutablePointer<FILE>?>

  private init() {
    // The name is compared, since a number may have been given to another process meanwhile.
    let script = """
      trap '' INT TERM HUP
      while read -r pid; do pids="$pids $pid"; done
      for pid in $pids; do
        case $(readlink "/proc/$pid/exe") in '\(executable)'*) kill -KILL "$pid" ;; esac
      done 2>/dev/null
      """
    pipe = Mutex(popen(script, "we"))
  }

  func watch(_ pid: pid_t) {
    pipe.withLock { pipe in
      guard let pipe else { return }
      fputs("\(pid)\n", pipe)
      fflush(pipe)
    }
  }
}
