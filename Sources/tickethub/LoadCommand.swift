import ArgumentParser
import Gateway
import LoadTest
import Pipeline
import SystemPackage
import Ticketing

/// `tickethub load`
struct LoadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load", abstract: "Drive an on-sale over HTTP, follow every request to its outcome, and audit the result.",
    discussion: """
      Customers are made up: their tokens are signed with TICKETHUB_TOKEN_SECRET, so this runs where the gateway's settings are.
      Exits with 1 if anything was lost, sold twice or not accounted for, or if data is missing.
      """)

  @Option(help: "The gateway; TICKETHUB_URL.") var url: String?
  @Option(help: "A JSON file as POST /v1/events takes it, for a new event; or the id of an event that exists.") var event: String
  @Option(help: "How many customers ask for tickets, one request each.") var customers: Int = 5000
  @Option(help: "Open loop: so many requests leave each second, whatever the answers do. Without it: closed loop.") var rate:
    Double?
  @Option(help: "Open loop: for so many seconds, instead of --customers.") var seconds: Double?
  @Option(help: "Connections: requests under way in a closed loop, at most in an open one.") var connections: Int = 64
  @Option(help: "The most tickets that a request asks for.") var tickets: Int = 4
  @Option(help: "Which part of the requests names its seats, 0 to 1, where there are seats.") var named: Double = 0.1
  @Flag(help: "Poll after Retry-After instead of Prefer: wait.") var poll = false
  @Option(help: "Connections that follow the reservations; as many as --connections, at most 1024.") var followers: Int?
  @Option(help: "How often who is refused for now asks again, after Retry-After; 3 times in a closed loop, else never.")
  var retries: Int?
  @Option(help: "The same seed asks for the same tickets.") var seed: UInt64 = .random(in: 1...999_999)
  @Option(help: "Write the report as JSON to this file.") var json: String?
  @Option(help: "Write the report with charts to this file.") var html: String?

  func validate() throws {
    guard customers > 0 else { throw ValidationError("--customers must be at least 1") }
    guard (1...100).contains(tickets) else { throw ValidationError("--tickets may be 1 to 100") }
    guard (0...1).contains(named) else { throw ValidationError("--named may be 0 to 1") }
    guard connections > 0, followers ?? 1 > 0 else { throw ValidationError("--connections and --followers must be at least 1") }
    if let retries, retries < 0 { throw ValidationError("--retries must be at least 0") }
    // What is no number is in no range.
    if let rate, !(rate > 0 && rate <= 1_000_000) { throw ValidationError("--rate must be above 0, and at most 1000000") }
    if let seconds {
      guard let rate else { throw ValidationError("--seconds goes with --rate") }
      guard seconds > 0, rate * seconds <= 5_000_000 else {
        throw ValidationError("--seconds must be above 0, and --rate times --seconds at most 5000000 requests")
      }
    }
  }

  func run() async throws {
    let settings = try await Settings()
    guard let url = url ?? settings.url() else { throw CommandFailure("TICKETHUB_URL is not set, and there is no --url") }
    DescriptorLimit.raise()
    let line = ProgressLine()
    let report: LoadReport
    do {
      let credentials = credentials(try settings.tokenAuthority())
      report = try await runLoad(try plan(for: url), credentials: credentials) { line.show($0.line()) }
    } catch let error as LoadError {
      line.end()
      throw CommandFailure("\(error)")
    }
    line.end()
    print(report.text())
    if let json { try write(try report.json(), to: json) }
    if let html { try write(report.html().utf8, to: html) }
    if !report.passed { throw ExitCode(1) }
  }

  private func plan(for url: String) throws -> LoadPlan {
    let sale: LoadPlan.Sale
    if EventID(event) != nil {
      sale = .existing(id: event)
    } else {
      do throws(Errno) {
        sale = .create(body: try readFile(event))
      } catch {
        throw CommandFailure("\(event) is neither an event's id nor a file that can be read: \(error)")
      }
    }
    let requests = if let rate, let seconds { Int(rate * seconds) } else { customers }
    var plan = LoadPlan(target: url, event: sale, requests: max(1, requests))
    if let rate { plan.shape = .open(ratePerSecond: rate) }
    plan.connections = connections
    plan.followers = followers ?? min(connections, 1024)
    plan.ticketsPerRequest = 1...tickets
    plan.namedSeatsShare = named
    plan.following = poll ? .poll : .wait(seconds: 10)
    plan.retries = retries
    plan.seed = seed
    return plan
  }

  /// Customers and an organiser that exist for this run only.
  private func credentials(_ authority: TokenAuthority) -> LoadCredentials {
    let run = UInt128.random(in: .min ... .max)
    let expiresAt = wallClock().adding(seconds: TokenAuthority.lifetimeSeconds)
    let issue = { @Sendable (role: User.Role, number: Int) in
      authority.issue(
        AccessToken(
          user: CustomerID(run &+ UInt128(number)), session: run &+ UInt128(number), role: role, expiresAt: expiresAt))
    }
    return LoadCredentials(organiserToken: issue(.organiser, 0), tokenFor: { issue(.customer, $0 + 1) })
  }

  private func write(_ bytes: some Sequence<UInt8>, to file: String) throws {
    do throws(Errno) {
      try writeFile(file, bytes)
    } catch {
      throw CommandFailure("\(file) can't be written: \(error)")
    }
  }
}
