import Foundation
import Testing

@testable import bench

@Suite struct `The report` {
  private let row = Row(
    name: "a", title: "Row <A>",
    figures: [Figure("a.rate", "rate", "/s", .atLeast(10)), Figure("a.time", "time", "ms", .atMost(5))]
  ) { _, _ in Measurement() }

  private func results(_ runs: [[String: Double]]) -> Results {
    var results = Results(of: [row], runs: 3, startedAt: "now", machine: "here")
    for values in runs { results.add(Measurement(values: values, tally: Tally(requests: 7, held: 2, tickets: 4)), of: row) }
    return results
  }

  @Test func `it has each figure's median, minimum and maximum, and whether the goal is met`() throws {
    let results = results([["a.rate": 30, "a.time": 9], ["a.rate": 10, "a.time": 7], ["a.rate": 20, "a.time": 8]])
    #expect(results.isSound)
    let lines = results.sections[0].lines
    #expect(lines.map(\.meetsGoal) == [true, false])
    #expect(results.text().contains("20.00 (10.00 to 30.00)"))
    #expect(results.text().contains("≤ 5.00 MISSED"))
  }

  @Test func `a figure that is missing in one run is missing`() {
    let results = results([["a.rate": 30, "a.time": 9], ["a.rate": 10], ["a.rate": 20, "a.time": .nan]])
    #expect(!results.isSound)
    #expect(results.missing == ["a.time: 1 of 3 values"])
    #expect(results.text().contains("MISSING FIGURES"))
  }

  @Test func `a finding of the audit is no success`() {
    var results = results(Array(repeating: ["a.rate": 30, "a.time": 1], count: 3))
    #expect(results.isSound)
    results.findings = ["a seat was sold twice"]
    #expect(!results.isSound)
    #expect(results.text().contains("AUDIT FAILED"))
  }

  @Test func `requests, decisions, tickets and refusals are counted apart, over all runs`() throws {
    let results = results(Array(repeating: ["a.rate": 30, "a.time": 1], count: 3))
    #expect(results.sections[0].tally == Tally(requests: 21, held: 6, tickets: 12))
    let json = try JSONSerialization.jsonObject(with: Data(try results.json().utf8)) as? [String: Any]
    let rows = try #require(json?["rows"] as? [[String: Any]])
    #expect((rows[0]["counts"] as? [String: Int])?["tickets"] == 12)
  }

  @Test func `the page is well-formed, with titles as text and charts in it`() throws {
    let html = results(Array(repeating: ["a.rate": 30, "a.time": 1], count: 3)).html()
    #expect(html.contains("Row &lt;A&gt;"))
    #expect(!html.contains("nan"))
  }

  @Test func `a ratio is of the values of one run`() throws {
    var results = Results(of: [.hot, .broker], runs: 2, startedAt: "now", machine: "here")
    results.addRatios(["hot.decided": 10, "broker.messages": 20])
    results.addRatios(["hot.decided": 30, "broker.messages": 20])
    #expect(results.ratios.map(\.figure.key) == ["ratio.hot_broker"])
    #expect(results.ratios[0].values == [0.5, 1.5])
  }

  @Test func `a row brings those that it needs, before it`() {
    #expect(Row.selected(["open-half"]).map(\.name) == ["hot", "open-half"])
    #expect(Row.selected([]).count == Row.all.count)
  }

  @Test func `every figure has a key of its own, which begins with its row's name`() {
    let keys = Row.all.flatMap(\.figures).map(\.key)
    #expect(Set(keys).count == keys.count)
    for row in Row.all { for figure in row.figures { #expect(figure.key.hasPrefix(row.name + ".")) } }
  }

  @Test(arguments: [(0, "0"), (12345.6, "12,346"), (-1234, "-1,234"), (123.44, "123.4"), (1.234, "1.23"), (0.01234, "0.0123")])
  func `numbers have the digits that are of use`(_ value: Double, _ expected: String) {
    #expect(Text.number(value) == expected)
  }
}
