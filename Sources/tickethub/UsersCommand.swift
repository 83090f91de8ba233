import ArgumentParser
import Backends
import Gateway
import Pipeline

/// `tickethub users`
struct UsersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "users", abstract: "Manage accounts.", subcommands: [CreateUser.self])

  /// `tickethub users create`
  struct CreateUser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create", abstract: "Create an account in any role, and print it as JSON.")

    @Option(help: "The email to sign in with.") var email: String
    @Option(help: "10 to 128 characters.") var password: String
    @Option(help: "What to call the person.") var name: String
    @Option(help: "customer, organiser or operator.") var role: String = "customer"

    func run() async throws {
      guard let role = User.Role(name: role) else {
        throw ValidationError("--role is \(role); it may be \(User.Role.allCases.map(\.name).joined(separator: ", "))")
      }
      let settings = try await Settings()
      let accounts = PostgresAccounts(try settings.pool("users", size: 1), hasher: PasswordHasher(), now: wallClock)
      do {
        let account = try NewAccount(email: email, password: password, name: name)
        printLine(try await accounts.register(account, role: role).json)
      } catch let invalid as InvalidInput {
        throw ValidationError(invalid.description)
      } catch AccountFailure.emailTaken {
        throw CommandFailure("there is an account with the email \(email) already")
      } catch AccountFailure.unavailable(let reason) {
        throw CommandFailure(reason)
      }
    }
  }
}
