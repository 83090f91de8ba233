extension Results {
  /// The report as one page that needs nothing else: style and charts are in it, and it is well-formed XML as well.
  func html() -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>
    <title>TicketHub benchmark</title>
    <style>\(Self.style)</style></head>
    <body>
    <h1>TicketHub benchmark</h1>
    <p class="sub">\(escaped(startedAt)) · \(escaped(machine)) · \(runs) runs; medians, and from minimum to maximum</p>
    <p class="verdict \(isSound ? "good" : "bad")">\(escaped(verdict))</p>
    \(list([caveat].compactMap { $0 } + missing + findings + failures))
    \(ratios.isEmpty ? "" : "<h2>Side by side, within each run</h2>" + table(ratios) + BarChart(lines: ratios).svg())
    \(sections.map(html).joined(separator: "\n"))
    \(counts)
    </body></html>

    """
  }

  private var verdict: String {
    if !findings.isEmpty { return "The audit found something." }
    return missing.isEmpty
      ? "Every figure was measured. Audit passed: \(audited)" : "Figures are missing. Audit passed: \(audited)"
  }

  private func html(_ section: Section) -> String {
    let units = section.lines.reduce(into: [String]()) { if !$0.contains($1.figure.unit) { $0.append($1.figure.unit) } }
    // Only what has a unit in common can be drawn on one scale.
    let charts = units.map { unit in BarChart(lines: section.lines.filter { $0.figure.unit == unit }).svg() }
    return "<h2>\(escaped(section.title))</h2>" + table(section.lines) + charts.joined() + list(section.notes)
  }

  private func table(_ lines: [Line]) -> String {
    let rows = lines.map { line in
      let values = line.summary.map { [$0.median, $0.minimum, $0.maximum].map(Text.number) } ?? ["missing", "", ""]
      let verdict = line.meetsGoal.map { #"<td class="\#($0 ? "good" : "bad")">\#(escaped(line.verdict))</td>"# } ?? "<td></td>"
      let cells = [line.figure.title] + values + [line.figure.unit, line.figure.goal?.text ?? ""]
      return "<tr>\(cells.map { "<td>\(escaped($0))</td>" }.joined())\(verdict)</tr>"
    }
    return "<table>\(head(["", "median", "minimum", "maximum", "unit", "goal", ""]))<tbody>\(rows.joined())</tbody></table>"
  }

  private var counts: String {
    let counted = sections.filter { $0.tally.requests > 0 }
    if counted.isEmpty { return "" }
    let rows = counted.map { section in
      "<tr><td>\(escaped(section.name))</td>\(section.tally.columns.map { "<td>\(Text.count($0))</td>" }.joined())</tr>"
    }
    return """
      <h2>Counted over all runs</h2>
      <p class="sub">Refused requests were not queued; rejected ones were decided and got no ticket.</p>
      <table>\(head(["", "requests", "accepted", "refused", "decided", "rejected", "held", "tickets"]))<tbody>\(rows.joined())\
      </tbody></table>
      """
  }

  private func head(_ names: [String]) -> String {
    "<thead><tr>\(names.map { "<th>\(escaped($0))</th>" }.joined())</tr></thead>"
  }

  private func list(_ items: [String]) -> String {
    items.isEmpty ? "" : "<ul>\(items.map { "<li>\(escaped($0))</li>" }.joined())</ul>"
  }

  private static let style = """
    :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#667080;--rule:#d9dee5;--bar:#2563eb;--good:#0f7a5c;--bad:#c0262d}
    @media (prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ee;--soft:#98a2b0;--rule:#2d333b;--bar:#6ea2ff;--good:#3fcf9f;\
    --bad:#ff7b7b}}
    body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:880px;margin:2rem auto;padding:0 1rem}
    h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin-top:2.5rem}.sub{color:var(--soft);margin:.2rem 0 1rem}
    .verdict{font-weight:600;border-left:4px solid;padding-left:.7rem}.good{color:var(--good)}.bad{color:var(--bad)}
    svg{width:100%;height:auto;margin:.3rem 0}text{fill:var(--ink);font-size:13px}.soft{fill:var(--soft)}.bar{fill:var(--bar)}
    .range{stroke:var(--ink);stroke-width:1.5}.goal{stroke:var(--bad);stroke-width:2;stroke-dasharray:4 3}
    table{border-collapse:collapse;width:100%;margin:1rem 0;font-variant-numeric:tabular-nums}
    th,td{text-align:right;padding:.3rem .5rem;border-bottom:1px solid var(--rule)}th:first-child,td:first-child{text-align:left}
    th{color:var(--soft);font-weight:500}
    """
}

/// Text as it stands in a page.
func escaped(_ text: String) -> String {
  var escaped = ""
  for character in text {
    switch character {
    case "&": escaped += "&amp;"
    case "<": escaped += "&lt;"
    case ">": escaped += "&gt;"
    case "\"": escaped += "&quot;"
    default: escaped.append(character)
    }
  }
  return escaped
}
