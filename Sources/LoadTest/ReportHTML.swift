enum HTML {
  static func escape(_ text: String) -> String {
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
}

extension LoadReport {
  /// The report as one page that needs nothing else: style and charts are in it, and it is well-formed XML as well.
  public func html() -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>
    <title>\(HTML.escape(plan.eventName)): load report</title>
    <style>\(Self.style)</style></head>
    <body>
    <h1>\(HTML.escape(plan.eventName))</h1>
    <p class="sub">\(HTML.escape(startedAt)) · \(HTML.escape(planLine))</p>
    <p class="verdict \(passed ? "good" : "bad")">\(HTML.escape(verdict))</p>
    \(findings.isEmpty ? "" : "<ul>\(findings.map { "<li>\(HTML.escape($0))</li>" }.joined())</ul>")
    <div class="tiles">\(tiles)</div>
    \(ratesChart.svg())\(latencyChart.svg())
    \(latencies)
    \(reasons)
    \(sectionTable)
    <h2>Notes</h2><ul>\((notes + [details]).map { "<li>\(HTML.escape($0))</li>" }.joined())</ul>
    </body></html>

    """
  }

  private var tiles: String {
    var tiles = [
      ("accepted", Text.count(requests.accepted)), ("held", Text.count(outcomes.held)),
      ("tickets held", Text.count(outcomes.ticketsHeld)), ("rejected", Text.count(outcomes.rejected)),
      ("refused at once", Text.count(requests.refused)), ("errors", Text.count(requests.failed)),
      ("accepted a second", Text.count(Int(rates.acceptedPerSecond.rounded()))),
      ("decided a second, seen", Text.count(Int(rates.decidedPerSecond.rounded()))),
    ]
    if let rate = rates.decidedByServerPerSecond { tiles.append(("decided a second", Text.count(Int(rate.rounded())))) }
    return tiles.map { "<div><b>\($0.1)</b><span>\($0.0)</span></div>" }.joined()
  }

  private var ratesChart: Chart {
    func points(_ value: (Interval) -> Double) -> [(at: Double, value: Double?)] {
      series.map { ($0.at + interval / 2, value($0)) }
    }
    var lines = [
      Chart.Series(name: "due", style: "one", points: points(\.sent)),
      Chart.Series(name: "accepted", style: "two", points: points(\.accepted)),
      Chart.Series(name: "decided, as seen", style: "three", points: points(\.decided)),
    ]
    if requests.refused > 0 { lines.append(Chart.Series(name: "refused", style: "four", points: points(\.refused))) }
    return Chart(title: "Rates", unit: "requests a second", seconds: chartSeconds, series: lines)
  }

  private var latencyChart: Chart {
    func points(_ value: (Interval) -> Double?) -> [(at: Double, value: Double?)] {
      series.map { ($0.at + interval / 2, value($0)) }
    }
    return Chart(
      title: "Latencies", unit: "milliseconds", seconds: chartSeconds,
      series: [
        Chart.Series(name: "accept p50", style: "two", points: points(\.acceptP50)),
        Chart.Series(name: "accept p99", style: "two dashed", points: points(\.acceptP99)),
        Chart.Series(name: "time to outcome p50", style: "three", points: points(\.outcomeP50)),
        Chart.Series(name: "time to outcome p99", style: "three dashed", points: points(\.outcomeP99)),
      ])
  }

  private var chartSeconds: Double { max(rates.seconds, Double(series.count) * interval) }

  private var latencies: String {
    func row(_ name: String, _ latency: Latency) -> String {
      let values = [latency.p50, latency.p90, latency.p99, latency.p999, latency.max]
      return Self.row([name] + values.map { latency.count > 0 ? Text.milliseconds($0) : "-" })
    }
    let head = Self.head(["Latency", "p50", "p90", "p99", "p99.9", "max"])
    return "<table>\(head)<tbody>\(row("accept", accept))\(row("time to outcome", outcome))</tbody></table>"
  }

  private var reasons: String {
    let all =
      rejections.map { ("rejected", $0) } + refusals.map { ("refused at once", $0) } + errors.map { ("error", $0) }
    guard !all.isEmpty else { return "" }
    let rows = all.map { Self.row(["\($0.0): \($0.1.code)", Text.count($0.1.count)]) }.joined()
    return "<table>\(Self.head(["Without tickets", "requests"]))<tbody>\(rows)</tbody></table>"
  }

  private var sectionTable: String {
    guard !sections.isEmpty else { return "" }
    let rows = sections.map { section in
      let counts = [section.capacity, section.available, section.held, section.sold, section.ofThisRun]
      return Self.row([section.id] + counts.map(Text.count))
    }
    let head = Self.head(["Section", "capacity", "available", "held", "sold", "of this run"])
    return "<table>\(head)<tbody>\(rows.joined())</tbody></table>"
  }

  private var details: String {
    "Target \(plan.target), event \(plan.event), run \(plan.run), \(machine.system)."
  }

  private static func head(_ names: [String]) -> String {
    "<thead><tr>\(names.map { "<th>\(HTML.escape($0))</th>" }.joined())</tr></thead>"
  }

  private static func row(_ cells: [String]) -> String {
    "<tr>\(cells.map { "<td>\(HTML.escape($0))</td>" }.joined())</tr>"
  }

  private static let style = """
    :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#667080;--rule:#d9dee5;--one:#8a94a3;--two:#2563eb;--three:#0f9d76;\
    --four:#d97706;--good:#0f7a5c;--bad:#c0262d}
    @media (prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ee;--soft:#98a2b0;--rule:#2d333b;--one:#7b8694;--two:#6ea2ff;\
    --three:#3fcf9f;--four:#f0a64a;--good:#3fcf9f;--bad:#ff7b7b}}
    body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:880px;margin:2rem auto;padding:0 1rem}
    h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin-top:2rem}.sub{color:var(--soft);margin:.2rem 0 1rem}
    .verdict{font-weight:600;border-left:4px solid;padding-left:.7rem}.good{color:var(--good)}.bad{color:var(--bad)}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.8rem;margin:1.5rem 0}
    .tiles div{border:1px solid var(--rule);border-radius:8px;padding:.6rem .8rem}.tiles b{display:block;font-size:1.35rem}
    .tiles span,figcaption small,.tick{color:var(--soft);fill:var(--soft)}.tiles span{font-size:.85rem}
    figure{margin:1.5rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}.grid{stroke:var(--rule)}.tick{font-size:12px}
    .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.dashed{stroke-dasharray:5 4;opacity:.8}
    path.one{stroke:var(--one)}path.two{stroke:var(--two)}path.three{stroke:var(--three)}path.four{stroke:var(--four)}
    .legend{margin:0;font-size:.85rem}.key::before{content:"";display:inline-block;width:1.4em;border-top:3px solid;margin:0 .4em .25em 0}
    .key{margin-right:1.2em}.key.dashed::before{border-top-style:dashed}.key.one::before{color:var(--one)}
    .key.two::before{color:var(--two)}.key.three::before{color:var(--three)}.key.four::before{color:var(--four)}
    table{border-collapse:collapse;width:100%;margin:1.5rem 0;font-variant-numeric:tabular-nums}
    th,td{text-align:right;padding:.3rem .5rem;border-bottom:1px solid var(--rule)}th:first-child,td:first-child{text-align:left}
    th{color:var(--soft);font-weight:500}
    """
}
