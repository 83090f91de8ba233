import Foundation
import Glibc

/// A command did not do what a test needed.
public struct CommandFailure: Error, CustomStringConvertible {
  /// The command, its exit status, and what it printed.
  public let description: String
}

/// Does what blocks on a thread of its own: the cooperative pool must not wait.
func onThread<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread {
      continuation.resume(with: Swift.Result { try work() })
    }
  }
}

/// Runs a command to its end.
///
/// - Throws: ``CommandFailure`` if it cannot be started or exits with anything but 0.
public func run(_ arguments: [String]) async throws {
  try await onThread { try runBlocking(arguments) }
}

/// Runs a command, and gives what it printed and whether it exited with 0.
public func outcome(of arguments: [String]) async throws -> (output: String, isSuccess: Bool) {
  try await onThread {
    do {
      return (try output(ofBlocking: arguments), true)
    } catch let failure as CommandFailure {
      return (failure.description, false)
    }
  }
}

/// As ``run(_:)``, for where nothing can be awaited any more.
func runBlocking(_ arguments: [String]) throws { _ = try output(ofBlocking: arguments) }

private func output(ofBlocking arguments: [String]) throws -> String {
  // A file and not a pipe: a pipe has to be read while the command runs, and would be held open by whatever it leaves running.
  let output = tmpfile()
  guard let output else { throw CommandFailure(description: "no temporary file: \(String(cString: strerror(errno)))") }
  defer { fclose(output) }

  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_adddup2(&actions, fileno(output), 1)
  posix_spawn_file_actions_adddup2(&actions, fileno(output), 2)

  // Threads of a library may block signals, and a command that inherits that could not be ended with SIGTERM.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

  var argv = arguments.map { strdup($0) } + [nil]
  defer { for argument in argv { free(argument) } }
  var pid: pid_t = 0
  let failure = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, environ)
  guard failure == 0 else {
    throw CommandFailure(description: "\(arguments[0]) cannot be started: \(String(cString: strerror(failure)))")
  }
  var status: Int32 = 0
  while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
  guard status == 0 else {
    throw CommandFailure(
      description: "\(arguments.joined(separator: " ")) failed (wait status \(status)):\n\(contents(of: output))")
  }
  return contents(of: output)
}

private func contents(of file: UnsafeMutablePointer<FILE>) -> String {
  rewind(file)
  var bytes = [UInt8](repeating: 0, count: 64 * 1024)
  let count = fread(&bytes, 1, bytes.count, file)
  return String(decoding: bytes[..<count], as: UTF8.self)
}
