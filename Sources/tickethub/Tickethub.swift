import ArgumentParser
import Glibc

/// The command line.
@main
struct Tickethub: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tickethub",
    abstract: "Ticket reservations that survive the on-sale spike.",
    discussion:
      "Settings come from flags, TICKETHUB_* environment variables and a .env file, in this order; see the README's table.",
    version: "0.1.0",
    subcommands: [
      GatewayCommand.self, WorkerCommand.self, MigrateCommand.self, UsersCommand.self, EventsCommand.self, LoadCommand.self,
      VerifyCommand.self, RebuildCommand.self, DeadLettersCommand.self, PartitionsCommand.self,
    ])

  static func main() async {
    // hiredis writes to sockets without asking for no signal; a broken one must be an error, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    let status = await run()
    fflush(nil)
    // Not `exit`: OpenSSL's exit handler frees what the threads of connections may be using, and the process was seen to crash in it.
    _exit(status)
  }

  /// The exit status.
  private static func run() async -> Int32 {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
      return 0
    } catch let error as CommandFailure {
      printError("tickethub: \(error.message)\n")
      return 1
    } catch {
      let (code, message) = (exitCode(for: error), fullMessage(for: error))
      if !message.isEmpty {
        if code == .success { print(message) } else { printError(message + "\n") }
      }
      return code.rawValue
    }
  }
}

/// Why a command could not do its work, in a sentence for whoever typed it.
struct CommandFailure: Error {
  var message: String
  init(_ message: String) { self.message = message }
}

/// Writes a line to standard output.
func printLine(_ bytes: [UInt8]) { print(String(decoding: bytes, as: UTF8.self)) }

/// Writes to standard error.
func printError(_ text: String) {
  let bytes = Array(text.utf8)
  // Nobody could be told if this failed.
  _ = write(STDERR_FILENO, bytes, bytes.count)
}
