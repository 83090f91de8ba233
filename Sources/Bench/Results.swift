/// What a run of the benchmark gave, as it is reported.
struct Results {
  struct Line {
    var figure: Figure
    /// One value a run; fewer if something went wrong.
    var values: [Double]

    var summary: Summary? { Summary(values) }
    /// Nil if there is no goal, or nothing to compare with it.
    var meetsGoal: Bool? {
      guard let goal = figure.goal, let summary else { return nil }
      return goal.isMet(by: summary.median)
    }
  }

  struct Section {
    var name: String
    var title: String
    var lines: [Line]
    /// Over all runs.
    var tally: Tally
    var notes: [String]
  }

  var startedAt: String
  var machine: String
  var runs: Int
  /// Of a spike.
  var requests: Int
  var sections: [Section] = []
  var ratios: [Line] = []
  /// What went wrong while measuring, as sentences.
  var failures: [String] = []
  /// What the audit found at the end; empty if everything is right.
  var findings: [String] = []
  /// What was audited, in a sentence.
  var audited = ""

  init(of rows: [Row], runs: Int, requests: Int = Lab.usualSpike, startedAt: String, machine: String) {
    (self.runs, self.requests, self.startedAt, self.machine) = (runs, requests, startedAt, machine)
    sections = rows.map { row in
      Section(
        name: row.name, title: row.title, lines: row.figures.map { Line(figure: $0, values: []) }, tally: Tally(), notes: [])
    }
    let keys = Set(rows.flatMap(\.figures).map(\.key))
    ratios = Ratio.all.filter { keys.contains($0.numerator) && keys.contains($0.denominator) }.map {
      Line(figure: $0.figure, values: [])
    }
  }

  mutating func add(_ measurement: Measurement, of row: Row) {
    guard let index = sections.firstIndex(where: { $0.name == row.name }) else { return }
    for line in sections[index].lines.indices {
      let value = measurement.values[sections[index].lines[line].figure.key]
      if let value, value.isFinite { sections[index].lines[line].values.append(value) }
    }
    sections[index].tally += measurement.tally
    for note in measurement.notes where !sections[index].notes.contains(note) { sections[index].notes.append(note) }
  }

  /// Adds the ratios of one run's values: what drifts from run to run is in both of them.
  mutating func addRatios(_ values: Row.Values) {
    for index in ratios.indices {
      let ratio = Ratio.all.first { $0.figure.key == ratios[index].figure.key }
      if let value = ratio?.value(values) { ratios[index].values.append(value) }
    }
  }

  /// The figures that were not measured as often as they must be.
  var missing: [String] {
    (sections.flatMap(\.lines) + ratios).filter { $0.values.count < runs }.map {
      "\($0.figure.key): \($0.values.count) of \(runs) values"
    }
  }

  /// What titles and goals don't say; nil for the usual size.
  var caveat: String? {
    if requests == Lab.usualSpike { return nil }
    return
      "A trial with \(Text.count(requests)) requests instead of \(Text.count(Lab.usualSpike)), everything else in proportion."
  }

  /// Whether every figure is there and nothing is wrong with what was sold. Goals that are missed are told, and no failure.
  var isSound: Bool { missing.isEmpty && findings.isEmpty }
}

extension Ratio {
  static let all = [
    Ratio(
      figure: Figure("ratio.hot_broker", "hot event decided, to the broker's messages", "×", .atLeast(0.5)),
      numerator: "hot.decided", denominator: "broker.messages"),
    Ratio(
      figure: Figure("ratio.hot_http", "hot event decided, to Hummingbird's POST", "×"),
      numerator: "hot.decided", denominator: "http.json"),
  ]
}
