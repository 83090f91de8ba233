import FoundationEssentials
import Glibc

extension LoadReport {
  /// Adds up a run. Percentiles are exact: every latency was kept.
  init(
    plan: LoadPlan, event: Event, record: RunRecord, settled: Settled, findings: [String]
  ) {
    let purchases = record.purchases
    let accepted = purchases.filter { $0.fate == .accepted }
    let decided = accepted.filter { $0.outcome != nil }
    let held = decided.filter { $0.outcome?.isLive == true }
    let rejected = decided.filter { $0.outcome?.status == "rejected" }
    func latest(_ index: Int) -> Outcome? { settled.outcomes[index] ?? purchases[index].outcome }

    self.findings = findings
    passed = findings.isEmpty
    startedAt = Date(timeIntervalSince1970: record.startedAt).formatted(.iso8601)
    machine = Machine(cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)), system: Self.system)
    self.plan = Plan(plan, event)
    requests = Requests(
      accepted: accepted.count, refused: purchases.count { $0.fate == .refused },
      failed: purchases.count { $0.fate == .failed }, unsent: purchases.count { $0.fate == .unsent }, sentAgain: record.sentAgain)
    outcomes = Outcomes(
      held: held.count, rejected: rejected.count, ended: decided.count - held.count - rejected.count,
      undecided: accepted.count - decided.count, ticketsHeld: held.reduce(0) { $0 + ($1.outcome?.tickets.count ?? 0) },
      expiredSince: purchases.indices.count { purchases[$0].outcome?.status == "held" && latest($0)?.status == "expired" })
    rejections = Self.count(rejected.map { $0.outcome?.rejection ?? "without a reason" })
    refusals = Self.count(purchases.filter { $0.fate == .refused }.map(\.code))
    errors = Self.count(purchases.filter { $0.fate == .failed }.map(\.code))
    accept = Latency(accepted.map { $0.answered - $0.scheduled })
    outcome = Latency(decided.map { $0.seen - $0.scheduled })
    rates = Rates(record, accepted: accepted, decided: decided)
    (interval, series) = Self.series(purchases, seconds: rates.seconds)
    var tickets: [String: Int] = [:]
    for index in purchases.indices {
      guard purchases[index].fate == .accepted, let outcome = latest(index), outcome.isLive else { continue }
      for ticket in outcome.tickets { tickets[ticket.section, default: 0] += 1 }
    }
    sections = (settled.inventory?.availability.sections ?? []).map { section in
      Section(
        id: section.id, capacity: section.capacity, available: section.available, held: section.held, sold: section.sold,
        ofThisRun: tickets[section.id] ?? 0)
    }
    notes = Self.notes(plan, record)
  }

  private static func notes(_ plan: LoadPlan, _ record: RunRecord) -> [String] {
    var notes = ["Latencies count from the time at which a request was due, waiting for a connection included."]
    switch plan.following {
    case .wait(let seconds):
      notes.append(
        """
        Time to outcome ends when the customer saw it: \(plan.followers) connections ask for each reservation, oldest first, with \
        `Prefer: wait=\(seconds)`, so it includes their turn.
        """)
    case .poll:
      notes.append(
        """
        Time to outcome ends when the customer saw it: \(plan.followers) connections ask for each reservation, oldest first, again \
        after `Retry-After` (whole seconds), so it includes that granularity.
        """)
    }
    if record.failedReads > 0 {
      notes.append("\(Text.plural(record.failedReads, "read")) of reservations failed and were done again.")
    }
    return notes
  }

  private static func count(_ codes: [String]) -> [Count] {
    codes.reduce(into: [:]) { $0[$1, default: 0] += 1 }.map { Count(code: $0.key, count: $0.value) }
      .sorted { ($1.count, $0.code) < ($0.count, $1.code) }
  }

  private static var system: String {
    var names = utsname()
    guard uname(&names) == 0 else { return "unknown" }
    func text(_ bytes: some Any) -> String {
      withUnsafeBytes(of: bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
  }
}

extension LoadReport.Plan {
  init(_ plan: LoadPlan, _ event: Event) {
    (target, run, seed) = (plan.target, plan.run, plan.seed)
    (self.event, eventName) = (event.id, event.name)
    (requests, customers, connections, followers) = (plan.requests, plan.customers, plan.connections, plan.followers)
    shape = plan.shape == .closed ? "closed" : "open"
    if case .open(let rate) = plan.shape { ratePerSecond = rate }
    following = plan.following == .poll ? "poll" : "wait"
    (mostTicketsPerRequest, namedSeatsShare) = (plan.ticketsPerRequest.upperBound, plan.namedSeatsShare)
  }
}

extension LoadReport.Latency {
  /// From nanoseconds.
  init(_ samples: [Int64]) {
    let sorted = samples.sorted()
    count = sorted.count
    mean = sorted.isEmpty ? 0 : sorted.reduce(0) { $0 + Double($1) } / Double(sorted.count) / 1e6
    (p50, p90, p99) = (sorted.percentile(0.5), sorted.percentile(0.9), sorted.percentile(0.99))
    (p999, max) = (sorted.percentile(0.999), sorted.percentile(1))
  }
}

extension [Int64] {
  /// The smallest value, in milliseconds, that so large a share of these sorted nanoseconds does not exceed.
  fileprivate func percentile(_ share: Double) -> Double {
    guard !isEmpty else { return 0 }
    return Double(self[Swift.max(0, Int((share * Double(count)).rounded(.up)) - 1)]) / 1e6
  }
}

extension LoadReport.Rates {
  init(_ record: RunRecord, accepted: [Purchase], decided: [Purchase]) {
    let lastAnswer = accepted.reduce(0) { max($0, $1.answered) }
    let lastSeen = decided.reduce(0) { max($0, $1.seen) }
    seconds = Double(record.purchases.reduce(0) { max($0, $1.answered, $1.seen) }) / 1e9
    acceptedPerSecond = lastAnswer > 0 ? Double(accepted.count) / (Double(lastAnswer) / 1e9) : 0
    decidedPerSecond = lastSeen > 0 ? Double(decided.count) / (Double(lastSeen) / 1e9) : 0
    let lastDecision = decided.reduce(0) { max($0, $1.outcome?.sequence ?? 0) }
    if let reached = record.versions.first(where: { $0.version >= lastDecision }), lastDecision > 0 {
      // The version is asked for now and then; an outcome that was seen was decided before.
      decidedByServerPerSecond = Double(decided.count) / (Double(min(reached.at, lastSeen)) / 1e9)
    }
  }
}

extension LoadReport {
  /// Intervals are as short as gives at most 120 of them, so that a run of a second has a shape too.
  private static func series(_ purchases: [Purchase], seconds: Double) -> (interval: Double, series: [Interval]) {
    let lengths = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60]
    let length = lengths.first { seconds / $0 <= 120 } ?? 300
    let count = max(1, Int((seconds / length).rounded()))
    var sent = Array(repeating: 0, count: count)
    var refused = sent
    var accepts = Array(repeating: [Int64](), count: count)
    var outcomes = accepts
    func interval(_ time: Int64) -> Int { min(count - 1, Int(Double(time) / 1e9 / length)) }
    for purchase in purchases where purchase.fate != .unsent {
      sent[interval(purchase.scheduled)] += 1
      switch purchase.fate {
      case .accepted:
        accepts[interval(purchase.answered)].append(purchase.answered - purchase.scheduled)
        if purchase.outcome != nil { outcomes[interval(purchase.seen)].append(purchase.seen - purchase.scheduled) }
      case .refused: refused[interval(purchase.answered)] += 1
      default: break
      }
    }
    let series = (0..<count).map { index in
      // The last interval ends with the run, so it is between a half and one and a half long.
      let covered = index < count - 1 ? length : max(seconds - Double(index) * length, length / 2)
      let accept = Latency(accepts[index])
      let outcome = Latency(outcomes[index])
      return Interval(
        at: Double(index) * length, sent: Double(sent[index]) / covered, accepted: Double(accept.count) / covered,
        decided: Double(outcome.count) / covered, refused: Double(refused[index]) / covered,
        acceptP50: accept.count > 0 ? accept.p50 : nil, acceptP99: accept.count > 0 ? accept.p99 : nil,
        outcomeP50: outcome.count > 0 ? outcome.p50 : nil, outcomeP99: outcome.count > 0 ? outcome.p99 : nil)
    }
    return (length, series)
  }
}
