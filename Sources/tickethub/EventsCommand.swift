import ArgumentParser
import Backends
import Gateway
import Pipeline
import PostgreSQL
import Redis
import SystemPackage
import Ticketing

/// `tickethub events`
struct EventsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Manage events.", subcommands: [CreateEvent.self])

  /// `tickethub events create`
  struct CreateEvent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create", abstract: "Create an event from the JSON that POST /v1/events takes, and print it as JSON.")

    @Option(help: "The JSON file; - for standard input.") var file: String
    @Option(help: "The email of the account that the event belongs to. Without it only operators can manage the event.")
    var organiser: String?

    func run() async throws {
      let settings = try await Settings()
      let pool = try settings.pool("events", size: 1)
      let body = try read()
      do {
        let owner = try await owner(in: pool)
        let record = try readNewEvent(body, id: EventID(randomUUID()), organiser: owner, now: wallClock())
        let created = try await PostgresEventStore(pool).create(record)
        // The gateways list what is missing in Redis within seconds; this is only sooner.
        if (try? settings.redisURL()) != nil {
          try? await RedisCatalogue(RedisClient.make(try settings.redis("events"))).list([created])
        }
        printLine(created.json)
      } catch let invalid as InvalidInput {
        throw CommandFailure("\(file) is no valid event\n\(invalid)")
      } catch let error as StoreUnavailable {
        throw CommandFailure(error.description)
      } catch AccountFailure.unavailable(let reason) {
        throw CommandFailure(reason)
      }
    }

    private func read() throws -> [UInt8] {
      do throws(Errno) {
        return try file == "-" ? readStandardInput() : readFile(file)
      } catch {
        throw CommandFailure("\(file) can't be read: \(error)")
      }
    }

    private func owner(in pool: PostgresPool) async throws -> CustomerID {
      guard let organiser else { return CustomerID(0) }
      guard let user = try await PostgresAccounts(pool, hasher: PasswordHasher(), now: wallClock).user(withEmail: organiser)
      else {
        throw CommandFailure("there is no account with the email \(organiser)")
      }
      return user.id
    }
  }
}
