import Foundation
import Glibc

/// Runs a command to its end and gives what it printed.
/// - Parameter environment: what is other than in this process's.
/// - Throws: if it can't be started or exits with anything but 0; with what it printed.
func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> String {
  let result: Result<String, any Error> = await withCheckedContinuation { continuation in
    Thread.detachNewThread { continuation.resume(returning: Result { try outputOf(arguments, environment) }) }
  }
  return try result.get()
}

private func outputOf(_ arguments: [String], _ changes: [String: String]) throws -> String {
  // A file and not a pipe, which would be held open by whatever the command leaves running.
  guard let output = tmpfile() else { throw BenchFailure("no temporary file: \(String(cString: strerror(errno)))") }
  defer { fclose(output) }
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_adddup2(&actions, fileno(output), 1)
  posix_spawn_file_actions_adddup2(&actions, fileno(output), 2)
  var argv = arguments.map { strdup($0) } + [nil]
  let environment = ProcessInfo.processInfo.environment.merging(changes) { $1 }
  var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
  defer { for text in argv + envp { free(text) } }
  var pid: pid_t = 0
  let failure = posix_spawn(&pid, arguments[0], &actions, nil, &argv, &envp)
  guard failure == 0 else { throw BenchFailure("\(arguments[0]) can't be started: \(String(cString: strerror(failure)))") }
  var status: Int32 = 0
  while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
  let text = contents(of: output)
  guard status == 0 else { throw BenchFailure("\(arguments.joined(separator: " ")) failed:\n\(text)") }
  return text
}

private func contents(of file: UnsafeMutablePointer<FILE>) -> String {
  rewind(file)
  var text: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 64 << 10)
  while case let count = fread(&piece, 1, piece.count, file), count > 0 { text += piece[..<count] }
  return String(decoding: text, as: UTF8.self)
}
