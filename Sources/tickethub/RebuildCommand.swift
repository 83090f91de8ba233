import ArgumentParser
import Backends
import Logging
import Pipeline
import PostgreSQL
import Redis
import Ticketing
import Worker

/// `tickethub rebuild`
struct RebuildCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebuild",
    abstract: "Write the view in Redis again from PostgreSQL, while the sale goes on.",
    discussion: """
      Workers do this by themselves where something is missing in Redis. This writes everything again, also what is there: for when \
      `verify` finds that the view is wrong. The newest outcomes of an event are not shown until the event is done.
      """)

  /// Connections to PostgreSQL: one piece is read while another is on its way.
  private static let databaseConnections = 2

  @Option(help: "Only the event with this id.") var event: String?

  func run() async throws {
    let event = try event.map(eventID)
    let settings = try await Settings()
    var logger = try settings.logger("rebuild")
    // Its own progress tells what a line an event would.
    logger.logLevel = max(logger.logLevel, .notice)
    let pool = try settings.pool("rebuild", size: Self.databaseConnections, waitAtMost: .seconds(10))
    let redis = RedisClient.make(try settings.patientRedis("rebuild"), logger: logger)
    let progress = RebuildProgress()
    do {
      let partitioning = try await PostgresSettings(pool).partitioning()
      let rebuild = ViewRebuild(
        view: RedisProjection(redis), journal: PostgresJournal(pool), partitioning: partitioning, logger: logger)
      if let event {
        if try await PostgresEventStore(pool).events([event]).isEmpty { throw CommandFailure("there is no event \(event)") }
        try await rebuild.rebuild(event, onProgress: progress.show)
      } else {
        try await rebuild.run(onProgress: progress.show)
      }
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      progress.end()
      throw CommandFailure("the view was not rebuilt to the end: \(error)")
    }
    progress.end()
    print(progress.line + (event == nil ? "; the view is complete" : ""))
    await redis.close()
    await pool.close()
  }
}

/// What has been written so far: on standard error, every other second.
private final class RebuildProgress {
  private let shown = ProgressLine()
  private let began = ContinuousClock.now
  private var events = 0
  private var decisions = 0

  var line: String {
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    return "\(events) events, \(decisions) decisions in \(seconds.inTenths) s: "
      + "\(Int(Double(decisions) / max(seconds, 0.001)))/s"
  }

  func show(events: Int, decisions: Int) {
    self.events += events
    self.decisions += decisions
    shown.show(line)
  }

  func end() { shown.end() }
}
