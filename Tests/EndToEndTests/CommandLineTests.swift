import Foundation
import TestSupport
import Testing
import TicketHubTestSupport

@Suite struct `Command line` {
  @Test func `accounts are created in any role and can sign in`() async throws {
    let hub = try await TicketHub.shared()
    for role in ["customer", "organiser", "operator"] {
      let email = "\(UUID().uuidString)@example.com"
      let arguments = ["--email", email, "--password", "correct horse", "--name", "Ann Example", "--role", role]
      let created = try await users(arguments, at: hub)
      #expect(created.status == 0)
      #expect(try JSONDecoder().decode(Account.self, from: Data(created.output.utf8)).role == role)
      let session = try await hub.gateway.post("/v1/sessions", ["email": .string(email), "password": "correct horse"])
      #expect(try session.decoded(as: Session.self).user.role == role)
      let again = try await users(arguments, at: hub)
      #expect(again.status == 1)
      #expect(again.errors.contains("already"))
    }
  }

  @Test(arguments: [("--role", "king", "customer, organiser, operator"), ("--password", "short", "10 to 128")])
  func `a bad value is refused, and what would do is named`(_ option: String, _ value: String, _ words: String) async throws {
    let hub = try await TicketHub.shared()
    var arguments = ["--email", "x@example.com", "--password", "correct horse", "--name", "X", "--role", "customer"]
    if let position = arguments.firstIndex(of: option) { arguments[position + 1] = value }
    let refused = try await users(arguments, at: hub)
    #expect(refused.status != 0)
    #expect(refused.errors.contains(words))
  }

  private func users(_ arguments: [String], at hub: TicketHub) async throws -> (status: Int32, output: String, errors: String) {
    try await tickethub(["users", "create"] + arguments, environment: hub.environment)
  }

  @Test func `an event is created from what the API takes`() async throws {
    let hub = try await TicketHub.shared()
    let created = try await tickethub(
      ["events", "create", "--file", "-"], environment: hub.environment, input: newEvent().text)
    #expect(created.status == 0)
    let event = try JSONDecoder().decode(Event.self, from: Data(created.output.utf8))
    #expect(try await hub.customer().reserve(.tickets(1), of: event).status == "held")

    let refused = try await tickethub(["events", "create", "--file", "-"], environment: hub.environment, input: "{}")
    #expect(refused.status == 1)
    #expect(refused.errors.contains("/starts_at: is required"))
  }

  @Test func `an event's organiser can't be looked up where the database is away`() async throws {
    let hub = try await TicketHub.shared()
    let port = try await reservePorts()
    let refused = try await tickethub(
      ["events", "create", "--file", "-", "--organiser", "x@example.com"],
      environment: hub.environment.merging(["TICKETHUB_DATABASE_URL": "postgres://u:p@127.0.0.1:\(port)/x"]) { $1 },
      input: newEvent().text)
    #expect(refused.status == 1)
    #expect(refused.errors.hasPrefix("tickethub: PostgreSQL at 127.0.0.1:\(port) "), "\(refused.errors)")
  }

  @Test(arguments: [
    ("nan", "1", "--rate must be"), ("1e300", "1", "--rate must be"), ("-1", "1", "--rate must be"),
    ("100", "nan", "--seconds must be"), ("100", "1e18", "--seconds must be"), ("100", "0", "--seconds must be"),
  ])
  func `a load that can't be is refused`(_ rate: String, _ seconds: String, _ words: String) async throws {
    let refused = try await tickethub(["load", "--event", "x", "--rate=\(rate)", "--seconds=\(seconds)"], environment: [:])
    #expect(refused.status > 1, "\(refused.errors)")
    #expect(refused.errors.contains(words))
  }

  @Test func `migrating again changes nothing`() async throws {
    let hub = try await TicketHub.shared()
    let again = try await tickethub(["migrate"], environment: hub.environment)
    #expect(again.status == 0)
    #expect(again.output == "nothing to do\n")
  }

  @Test func `a migration that is not text is refused, and nothing is applied`() async throws {
    let hub = try await TicketHub.shared()
    let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try Data("CREATE TABLE not_text ();".utf8).write(to: directory.appending(path: "9998_first.sql"))
    try Data([0x2d, 0x2d, 0xff]).write(to: directory.appending(path: "9999_second.sql"))
    let refused = try await tickethub(["migrate", "--sql", directory.path], environment: hub.environment)
    #expect(refused.status == 1 && refused.output.isEmpty)
    #expect(refused.errors.contains("\(directory.path) can't be read"))
  }

  @Test(arguments: [
    "gateway", "worker", "migrate", "users", "users create", "events", "events create", "load", "dead-letters",
    "dead-letters list", "dead-letters show",
    "dead-letters replay", "dead-letters discard", "partitions",
  ])
  func `every command explains itself`(_ command: String) async throws {
    let help = try await tickethub(command.split(separator: " ").map(String.init) + ["--help"], environment: [:])
    #expect(help.status == 0)
    #expect(help.output.contains("USAGE: tickethub \(command)"))
  }

  @Test(arguments: [
    ("TICKETHUB_LOG_LEVEL", "loud", "trace, debug, info"), ("TICKETHUB_PORT", "x", "0 to 65535"),
    ("TICKETHUB_TRUST_FORWARDED_FOR", "yes", "true or false"), ("TICKETHUB_RATE_LIMIT_USER", "10", "1000/10"),
    ("TICKETHUB_DATABASE_URL", "", "postgres://"), ("TICKETHUB_REDIS_URL", "http://x", "redis://"),
    ("TICKETHUB_AMQP_URL", "x", "amqp://"), ("TICKETHUB_TOKEN_SECRET", "short", "32"), ("TICKETHUB_PARTITIONS", "0", "1 to 256"),
  ]) func `a bad setting is named with what would do`(_ name: String, _ value: String, _ words: String) async throws {
    let hub = try await TicketHub.shared()
    let refused = try await tickethub(["gateway"], environment: hub.environment.merging([name: value]) { $1 })
    #expect(refused.status == 1)
    #expect(refused.errors.contains(name))
    #expect(refused.errors.contains(words))
  }
}
