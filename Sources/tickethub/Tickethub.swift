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
      VerifyCommand.self, RebuildCommand.self, DeadLettersCommand.self,
    ])

  static func main() async {
    // hiredis writes to sockets without asking for no signal; a broken one must be an error, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
    } catch let error as CommandFailure {
      printError("tickethub: \(error.message)\n")
      Glibc.exit(1)
    } catch {
      exit(withError: error)
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
