import Pipeline
import PostgreSQL
import Ticketing

/// Requests for tickets, from the first that is sent to the last decision that is committed.
struct Sale {
  var answers: LoadAnswers
  var tally: Tally
  /// From the first request to the last decision in the journal.
  var seconds: Double
  /// How many of them had been decided when the last request was answered.
  var decidedAtStop: Int
  /// CPU seconds of that time, by role; without the generator.
  var cpu: [String: Double]
  /// CPU seconds of the generator.
  var generatorCPU: Double

  var decidedPerSecond: Double { Double(tally.decided) / seconds }
  /// CPU seconds for 1,000 decisions.
  var cpuPerThousand: Double { cpu.values.reduce(0, +) * 1000 / Double(tally.decided) }
}

extension Lab {
  /// Sends purchases and waits until all that were accepted are decided. In an open loop `503` is an answer like others.
  /// - Throws: if an accepted request is not decided, or one that was not accepted is.
  func sell(_ purchases: Purchases, of events: [EventID], using generator: Generator) async throws -> Sale {
    let processes = try await processes()
    let before = try await decisions(of: events)
    let cpu = processes.cpu()
    let own = ownCPU()
    let answers = try await generator.run(purchases)
    let generatorCPU = ownCPU() - own
    let decidedAtStop = try await decisions(of: events) - before
    let accepted = answers.count(202)
    if let unexpected = generator.pace == .closed ? answers.unexpected(202) : answers.unexpected(202, 503, 429) {
      throw BenchFailure("of \(answers.statuses.count) requests not all were answered as they must be: \(unexpected)")
    }
    let end = try await wait(300, for: "the last of \(accepted) decisions") {
      try await decisions(of: events) >= before + accepted
    }
    // What is projected and acknowledged after the last commit belongs to it.
    try await Task.sleep(for: .milliseconds(100))
    let used = processes.cpu().merging(cpu) { $0 - $1 }
    var tally = try await outcomes(of: events)
    (tally.requests, tally.accepted) = (purchases.count, accepted)
    tally.refused = purchases.count - accepted
    tally.decided -= before
    // A 503 may also say that nobody knows.
    guard tally.decided == accepted || (generator.pace != .closed && accepted...purchases.count ~= tally.decided) else {
      throw BenchFailure("\(accepted) requests were accepted and \(tally.decided) decided")
    }
    return Sale(
      answers: answers, tally: tally, seconds: Double(end - answers.start) / 1e9, decidedAtStop: decidedAtStop, cpu: used,
      generatorCPU: generatorCPU)
  }

  /// How many decisions there are of these events in all.
  func decisions(of events: [EventID]) async throws -> Int {
    let rows = try await database.query(PostgresQuery(Self.decisionCount, .uuids(events.map(\.rawValue))))
    return Int(try rows[0].int8(0))
  }

  private static let decisionCount = PostgresStatement(
    "bench_decisions", "SELECT coalesce(sum(version), 0)::bigint FROM event_streams WHERE event_id = ANY ($1)")

  /// Decisions, and what they gave.
  private func outcomes(of events: [EventID]) async throws -> Tally {
    let rows = try await database.query(PostgresQuery(Self.outcomeCounts, .uuids(events.map(\.rawValue))))
    var tally = Tally()
    tally.decided = Int(try rows[0].int8(0))
    tally.held = Int(try rows[0].int8(1))
    tally.tickets = Int(try rows[0].int8(2))
    return tally
  }

  private static let outcomeCounts = PostgresStatement(
    "bench_outcomes",
    """
    SELECT (SELECT coalesce(sum(version), 0) FROM event_streams WHERE event_id = ANY ($1))::bigint, count(*),
           coalesce(sum(quantity), 0)::bigint
      FROM reservations WHERE event_id = ANY ($1)
    """)
}
