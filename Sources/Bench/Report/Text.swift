import Foundation

/// How numbers and tables are written.
enum Text {
  /// With as many digits as are of use: 12,345, 123.4, 12.34, 0.0123.
  static func number(_ value: Double) -> String {
    let digits = value == 0 || abs(value) >= 1000 ? 0 : abs(value) >= 100 ? 1 : abs(value) >= 1 ? 2 : 4
    let text = String(format: "%.\(digits)f", value)
    return digits == 0 ? grouped(text) : text
  }

  static func count(_ value: Int) -> String { grouped(String(value)) }

  private static func grouped(_ text: String) -> String {
    let sign = text.hasPrefix("-") ? "-" : ""
    var result = ""
    for (index, digit) in text.dropFirst(sign.count).reversed().enumerated() {
      if index > 0 && index % 3 == 0 { result.append(",") }
      result.append(digit)
    }
    return sign + String(result.reversed())
  }

  static func withoutSpaces(atEndOf text: String) -> String { String(text.reversed().drop { $0 == " " }.reversed()) }

  static func padded(_ text: String, _ width: Int, right: Bool = true) -> String {
    let padding = String(repeating: " ", count: max(0, width - text.count))
    return right ? padding + text : text + padding
  }
}

extension Figure.Goal {
  var text: String {
    switch self {
    case .atLeast(let bound): "≥ \(Text.number(bound))"
    case .atMost(let bound): "≤ \(Text.number(bound))"
    }
  }
}

extension Results.Line {
  /// What a reader wants to know first; empty without a goal.
  var verdict: String { meetsGoal.map { $0 ? "met" : "MISSED" } ?? (figure.goal == nil ? "" : "MISSING") }
}

extension Results {
  /// The report for a terminal.
  func text() -> String {
    var lines = ["TicketHub benchmark, \(startedAt), \(machine), \(runs) runs: median (minimum to maximum)"]
    if let caveat { lines.append(caveat) }
    for section in sections { lines += ["", section.title] + section.lines.map(text) + section.notes.map { "  (\($0))" } }
    if !ratios.isEmpty { lines += ["", "Side by side, within each run"] + ratios.map(text) }
    lines += tallies
    if !failures.isEmpty { lines += ["", "Not measured"] + failures.map { "  \($0)" } }
    if !missing.isEmpty { lines += ["", "MISSING FIGURES"] + missing.map { "  \($0)" } }
    lines += [""] + (findings.isEmpty ? ["AUDIT PASSED: \(audited)"] : ["AUDIT FAILED"] + findings.map { "  \($0)" })
    return lines.joined(separator: "\n")
  }

  private func text(_ line: Line) -> String {
    let values =
      line.summary.map { summary in
        Text.padded(Text.number(summary.median), 10) + " "
          + Text.padded("(\(Text.number(summary.minimum)) to \(Text.number(summary.maximum)))", 22, right: false)
      } ?? Text.padded("missing", 10) + Text.padded("", 23)
    let goal = line.figure.goal.map { "goal \($0.text) \(line.verdict)" } ?? ""
    let text =
      "  " + Text.padded(line.figure.title, 60, right: false) + values + " " + Text.padded(line.figure.unit, 8, right: false)
    return goal.isEmpty ? Text.withoutSpaces(atEndOf: text) : "\(text) \(goal)"
  }

  private var tallies: [String] {
    let counted = sections.filter { $0.tally.requests > 0 }
    if counted.isEmpty { return [] }
    let head = ["", "requests", "accepted", "refused", "decided", "rejected", "held", "tickets"]
    let rows = counted.map { [$0.name] + $0.tally.columns.map(Text.count) }
    return ["", "Counted over all runs: refused requests were not queued, rejected ones were decided and got no ticket"]
      + ([head] + rows).map { row in
        "  " + Text.padded(row[0], 12, right: false) + row.dropFirst().map { Text.padded($0, 12) }.joined()
      }
  }
}

extension Tally {
  /// Requests, accepted, refused, decided, rejected, held, tickets.
  var columns: [Int] { [requests, accepted, refused, decided, rejected, held, tickets] }
}
