import ArgumentParser
import Backends
import FoundationEssentials
import Pipeline
import PostgreSQL
import Redis
import Ticketing
import Verification

/// `tickethub verify`
struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Replay the journal from the first decision, and compare the tables and Redis with it.",
    discussion: """
      Reads one moment's state of the database, also during a sale, and disturbs nobody. Each difference is named with both values. \
      Exits with 1 if there is one, or if something could not be compared.
      """)

  /// How long to wait in all for a view that has not caught up with the journal yet.
  private static let patience = Duration.seconds(15)

  @Option(help: "Only the event with this id.") var event: String?
  @Flag(help: "Print the findings as JSON.") var json = false

  func run() async throws {
    let event = try event.map(eventID)
    let settings = try await Settings()
    let pool = try settings.readingPool("verify")
    let redis = RedisClient.make(try settings.patientRedis("verify"))
    let progress = VerificationProgress()
    let findings: Findings
    do {
      findings = try await PostgresTables.read(from: pool, only: event) { tables, now in
        var verifier = Verifier(tables, view: RedisStoredView(redis), now: now, patience: Self.patience) { progress.show($0) }
        return try await verifier.run()
      }
    } catch {
      progress.end()
      throw CommandFailure("the database could not be read to the end: \(error)")
    }
    progress.end()
    await redis.close()
    await pool.close()
    if let event, findings.events == 0 { throw CommandFailure("there is no event \(event)") }
    print(json ? try findings.json(seconds: progress.seconds) : findings.text(seconds: progress.seconds))
    if !findings.agree { throw ExitCode(1) }
  }
}

/// The event that an option names.
func eventID(_ text: String) throws -> EventID {
  guard let id = EventID(text) else { throw ValidationError("--event is \(text); it is an event's id, a UUID") }
  return id
}

/// How far it has come, on standard error, every other second.
private final class VerificationProgress {
  private let line = ProgressLine()
  private let began = ContinuousClock.now
  private var next = ContinuousClock.now

  var seconds: Double { (ContinuousClock.now - began) / .seconds(1) }

  func show(_ findings: Findings) {
    if next > .now { return }
    next = .now + .milliseconds(200)
    line.show(
      "\(findings.decisions) decisions of \(findings.events) events replayed, \(findings.reservations) reservations compared, "
        + "\(findings.differenceCount) differences")
  }

  func end() { line.end() }
}

extension Findings {
  /// Whether everything was compared and found to be right.
  var agree: Bool { differenceCount == 0 && viewFailure == nil }

  func text(seconds: Double) -> String {
    var lines = differences.map(\.description)
    if differenceCount > differences.count { lines.append("and \(differenceCount - differences.count) more") }
    if let viewFailure { lines.append("the view was not compared to the end: \(viewFailure)") }
    lines.append(
      "\(events) events, \(decisions) decisions, \(reservations) reservations, \(viewed) of them in the view, in "
        + "\(seconds.inTenths) s")
    lines.append(agree ? "VERIFIED: the journal, the tables and the view agree" : "\(differenceCount) differences")
    return lines.joined(separator: "\n")
  }

  func json(seconds: Double) throws -> String {
    let document = Document(
      verified: agree, events: events, decisions: decisions, reservations: reservations, viewed: viewed, seconds: seconds,
      differenceCount: differenceCount,
      differences: differences.map {
        Document.Entry(event: $0.event.description, what: $0.what, stored: $0.stored, replayed: $0.replayed)
      }, viewFailure: viewFailure)
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(document), as: UTF8.self)
  }

  private struct Document: Encodable {
    struct Entry: Encodable {
      var event: String
      var what: String
      var stored: String
      var replayed: String
    }

    var verified: Bool
    var events: Int
    var decisions: Int
    var reservations: Int
    var viewed: Int
    var seconds: Double
    var differenceCount: Int
    var differences: [Entry]
    var viewFailure: String?
  }
}
