import Foundation
import FoundationXML
import NIOCore
import Testing

@testable import LoadTest

@Suite struct ReportTests {
  /// A run with known times: request n is due after n ms, accepted 1 ms later, and its outcome seen 10 (n mod 10 + 1) ms after it was due.
  private static func report(findings: [String] = []) throws -> LoadReport {
    var plan = LoadPlan(target: "http://127.0.0.1:1", event: .existing(id: "e"), requests: 1000)
    plan.run = "run"
    let section = Event.Section(id: "floor", kind: .generalAdmission, capacity: 5000)
    let event = Event(
      id: "e", name: "Fish & <Chips>", status: "published", salesOpenAt: "2020-01-01T00:00:00Z", holdSeconds: 600,
      maxTicketsPerCustomer: 8, sections: [section])
    var purchases = Array(repeating: Purchase(), count: 1000)
    for index in purchases.indices {
      let due = Int64(index) * 1_000_000
      purchases[index].scheduled = due
      purchases[index].answered = due + 1_000_000
      purchases[index].fate = index % 100 == 99 ? .refused : .accepted
      if index % 100 == 99 {
        purchases[index].code = "overloaded"
      } else {
        var outcome = try #require(
          Outcome(ByteBuffer(string: #"{"id":"r","status":"held","sequence":1,"tickets":[{"section":"floor"}]}"#)))
        outcome.sequence = index + 1
        if index % 2 == 0 { (outcome.status, outcome.tickets, outcome.rejection) = ("rejected", [], "sold_out") }
        purchases[index].outcome = outcome
        purchases[index].seen = due + Int64(index % 10 + 1) * 10_000_000
      }
    }
    let record = RunRecord(
      purchases: purchases, versions: [.init(at: 500_000_000, version: 400), .init(at: 900_000_000, version: 999)],
      startedAt: 0,
      sentAgain: 3, failedReads: 0, clockOffset: 0, gaveUp: false)
    return LoadReport(plan: plan, event: event, record: record, settled: Settled(), findings: findings)
  }

  @Test func `figures are those of the run`() throws {
    let report = try Self.report()
    #expect(report.requests.accepted == 990)
    #expect(report.requests.refused == 10)
    #expect(report.outcomes.held == 490)
    #expect(report.outcomes.rejected == 500)
    #expect(report.outcomes.ticketsHeld == 490)
    #expect(report.rejections == [.init(code: "sold_out", count: 500)])
    #expect(report.refusals == [.init(code: "overloaded", count: 10)])
    #expect(report.accept == .init(count: 990, mean: 1, p50: 1, p90: 1, p99: 1, p999: 1, max: 1))
    #expect(report.outcome.p50 == 50)
    #expect(report.outcome.p90 == 90)
    #expect(report.outcome.max == 100)
    #expect(report.rates.decidedByServerPerSecond == 990 / 0.9)
    let counted = report.series.enumerated().reduce(0.0) { sum, item in
      let isLast = item.offset == report.series.count - 1
      return sum + item.element.accepted * (isLast ? report.rates.seconds - item.element.at : report.interval)
    }
    #expect(abs(counted - 990) < 0.001)
  }

  @Test func `JSON is read back as it was`() throws {
    let report = try Self.report(findings: ["Seat \"1\" is gone."])
    let json = try report.json()
    #expect(try LoadReport(json: json) == report)
    let text = String(decoding: json, as: UTF8.self)
    #expect(text.contains("\"decided_by_server_per_second\" : 1100"))
    #expect(text.contains("\"passed\" : false"))
  }

  @Test func `the page is well-formed and loads nothing`() throws {
    let page = try Self.report(findings: ["Seat <1> & seat \"2\""]).html()
    let parser = XMLParser(data: Data(page.utf8))
    #expect(parser.parse(), "\(String(describing: parser.parserError)) in line \(parser.lineNumber)")
    for reference in ["src=", "href=", "url(", "@import", "<script", "https:"] { #expect(!page.contains(reference)) }
    #expect(page.contains("prefers-color-scheme:dark"))
    #expect(page.components(separatedBy: "<svg").count == 3)
    #expect(page.contains("Fish &amp; &lt;Chips&gt;"))
    #expect(page.contains("Seat &lt;1&gt; &amp; seat"))
    #expect(!page.contains("nan") && !page.contains("inf\""))
  }

  @Test func `the text is aligned and says whether the audit passed`() throws {
    let text = try Self.report().text()
    #expect(text.contains("AUDIT PASSED: 990 accepted requests"))
    #expect(text.contains("1,100/s by the event's own count"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 130 })
    #expect(try Self.report(findings: ["A sentence."]).text().contains("AUDIT FAILED: 1 finding\n  - A sentence."))
  }

  @Test func `a run without a single answer can be reported`() throws {
    let plan = LoadPlan(target: "http://127.0.0.1:1", event: .existing(id: "e"), requests: 5)
    let event = Event(
      id: "e", name: "None", status: "published", salesOpenAt: "", holdSeconds: 600, maxTicketsPerCustomer: 8, sections: [])
    let record = RunRecord(
      purchases: Array(repeating: Purchase(), count: 5), versions: [], startedAt: 0, sentAgain: 0, failedReads: 0, clockOffset: 0,
      gaveUp: true)
    let report = LoadReport(plan: plan, event: event, record: record, settled: Settled(), findings: ["Silence."])
    #expect(report.requests.unsent == 5)
    #expect(XMLParser(data: Data(report.html().utf8)).parse())
    #expect(report.text().contains("not sent"))
  }

  @Test(arguments: [(0.0, 1.0), (0.3, 0.4), (7, 8), (10, 10), (11, 20), (4100, 5000), (99_000, 100_000)])
  func `a chart's axis ends at a round number`(value: Double, ceiling: Double) {
    #expect(abs(Chart.ceiling(value) - ceiling) < 1e-9)
  }
}
