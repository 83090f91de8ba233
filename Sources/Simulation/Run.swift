/// One world, lived through and judged.
struct Run {
  let plan: Plan
  let defect: Defect?
  let violations: [Violation]
  let hash: UInt64
  let decisions: Int64
  let commands: Int
  let jobs: Int
  /// Microseconds.
  let simulated: Int64
  private let trace: Trace

  init(_ plan: Plan, defect: Defect? = nil) {
    let sale = Sale(plan, defect: defect)
    sale.run()
    self.plan = plan
    self.defect = defect
    violations = sale.violations()
    trace = sale.world.trace
    hash = trace.hash
    decisions = sale.database.tables.reduce(0) { $0 + $1.version }
    commands = sale.history.commands.count
    jobs = sale.world.scheduler.jobs
    simulated = sale.world.scheduler.now
  }

  /// The same failure with as little as possible around it.
  func shortest() -> Run {
    var best = self
    var attempts = 0
    search: while attempts < 300 {
      for plan in best.plan.smaller {
        attempts += 1
        let run = Run(plan, defect: defect)
        if run.violations.isEmpty { continue }
        best = run
        continue search
      }
      break
    }
    return best
  }

  var description: String {
    guard let violation = violations.first else { return "no violation" }
    return """
      \(plan.clients.count) clients, \(plan.workers) workers, \(plan.partitions) partitions, \(plan.events) events; \
      \(plan.rates); \(plan.incidents.count) incidents
      \(story(about: violation.about))
      \(violations.map(\.text).joined(separator: "\n"))
      """
  }

  /// What happened to one reservation, to all of them if it is 0, and to everybody; every call if there is none.
  func story(about id: UInt128?) -> String {
    let told = trace.entries.filter { entry in
      guard let id else { return true }
      return entry.about == 0 ? entry.isIncident : id == 0 || entry.about == id
    }
    return told.map { entry in
      let seconds = "\(entry.time / 1_000_000).\(String(String(entry.time % 1_000_000 + 1_000_000).dropFirst()))"
      let details = [entry.first, entry.second].filter { $0 != 0 }.map(String.init).joined(separator: " ")
      let about = entry.about == 0 ? "" : String(entry.about, radix: 16)
      return "\(seconds)  \(entry.process)  \(entry.what)  \(details) \(about)"
    }.joined(separator: "\n")
  }
}

extension Trace.Entry {
  /// Calls that go as they should are left out of a story.
  fileprivate var isIncident: Bool {
    !["polls", "asks for completeness", "looks around", "beats", "reads versions", "takes places", "lists", "reads streams"]
      .contains(what.description)
  }
}
