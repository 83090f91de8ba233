extension LoadReport {
  /// The report for a terminal: aligned, without colours, at most 100 columns except for long findings.
  public func text() -> String {
    var lines: [String] = []
    lines.append("\(plan.eventName)  \(startedAt)")
    lines.append(planLine)
    lines.append("")
    lines += table([
      ("accepted", requests.accepted, "\(rate(rates.acceptedPerSecond)) accepted"),
      ("held", outcomes.held, Text.plural(outcomes.ticketsHeld, "ticket")),
      ("rejected", outcomes.rejected, list(rejections)),
      ("ended since", outcomes.ended + outcomes.expiredSince, "holds that expired during the run"),
      ("undecided", outcomes.undecided, "accepted, and no outcome seen"),
      ("refused at once", requests.refused, list(refusals)),
      ("errors", requests.failed, list(errors)),
      ("not sent", requests.unsent, ""),
      ("sent again", requests.sentAgain, "with the same key"),
    ])
    lines.append("")
    lines.append("decided \(rateLine)")
    lines.append("")
    lines.append(Text.left("", 18) + ["p50", "p90", "p99", "p99.9", "max"].map { Text.right($0, 12) }.joined())
    lines.append(row("accept", accept))
    lines.append(row("time to outcome", outcome))
    if !sections.isEmpty {
      lines.append("")
      let width = max(18, (sections.map(\.id.count).max() ?? 0) + 2)
      let heads = ["capacity", "available", "held", "sold", "of this run"]
      lines.append(Text.left("section", width) + heads.map { Text.right($0, 12) }.joined())
      for section in sections {
        let counts = [section.capacity, section.available, section.held, section.sold, section.ofThisRun]
        lines.append(Text.left(section.id, width) + counts.map { Text.right(Text.count($0), 12) }.joined())
      }
    }
    lines.append("")
    lines.append(verdict)
    lines += findings.map { "  - \($0)" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The audit's result in a sentence.
  var verdict: String {
    guard passed else { return "AUDIT FAILED: \(Text.plural(findings.count, "finding"))" }
    let outcomes = "\(Text.count(requests.accepted)) accepted requests have one outcome each"
    return "AUDIT PASSED: \(outcomes), and every seat is counted: none lost, none given twice."
  }

  var planLine: String {
    let requests = Text.plural(plan.requests, "request")
    let shape =
      plan.ratePerSecond.map { "\(Text.fixed($0, 0)) a second, up to \(Text.plural(plan.connections, "connection"))" }
      ?? "\(Text.plural(plan.connections, "connection")), each with one under way"
    let customers = Text.plural(plan.customers, "customer")
    return "\(requests) of \(customers), \(shape); seed \(plan.seed); \(Text.plural(machine.cores, "core"))"
  }

  /// How fast requests were decided.
  var rateLine: String {
    let seen = "\(rate(rates.decidedPerSecond)) as their customers saw it, in \(Text.fixed(rates.seconds, 2)) s"
    return rates.decidedByServerPerSecond.map { "\(rate($0)) by the event's own count; \(seen)" } ?? seen
  }

  private func rate(_ value: Double) -> String { "\(Text.count(Int(value.rounded())))/s" }

  func list(_ counts: [Count]) -> String {
    counts.map { "\(Text.count($0.count)) \($0.code)" }.joined(separator: ", ")
  }

  /// The first three always, the others only where there is something to say.
  private func table(_ rows: [(name: String, count: Int, remark: String)]) -> [String] {
    rows.enumerated().filter { $0.offset < 3 || $0.element.count > 0 }.map { _, row in
      let line = Text.left(row.name, 18) + Text.right(Text.count(row.count), 12)
      return row.remark.isEmpty ? line : "\(line)   \(row.remark)"
    }
  }

  private func row(_ name: String, _ latency: Latency) -> String {
    let values = [latency.p50, latency.p90, latency.p99, latency.p999, latency.max]
    return Text.left(name, 18) + values.map { Text.right(latency.count > 0 ? Text.milliseconds($0) : "-", 12) }.joined()
  }
}
