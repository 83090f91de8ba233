import Foundation

extension Results {
  /// The report for programs.
  func json() throws -> String {
    let document = Document(
      startedAt: startedAt, machine: machine, runs: runs, requests: requests, sound: isSound,
      rows: sections.map { section in
        Document.Row(
          name: section.name, title: section.title, figures: section.lines.map(Document.Figure.init),
          counts: section.tally.requests > 0 ? Document.Counts(section.tally) : nil, notes: section.notes)
      },
      ratios: ratios.map(Document.Figure.init), failures: failures, missing: missing, audited: audited, findings: findings)
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
  }

  private struct Document: Encodable {
    struct Row: Encodable {
      var name: String
      var title: String
      var figures: [Figure]
      var counts: Counts?
      var notes: [String]
    }

    struct Figure: Encodable {
      var key: String
      var title: String
      var unit: String
      var goal: String?
      var meetsGoal: Bool?
      var median: Double?
      var minimum: Double?
      var maximum: Double?
      var values: [Double]

      init(_ line: Line) {
        (key, title, unit) = (line.figure.key, line.figure.title, line.figure.unit)
        (goal, meetsGoal, values) = (line.figure.goal?.text, line.meetsGoal, line.values)
        (median, minimum, maximum) = (line.summary?.median, line.summary?.minimum, line.summary?.maximum)
      }
    }

    struct Counts: Encodable {
      var requests: Int
      var accepted: Int
      var refused: Int
      var decided: Int
      var rejected: Int
      var held: Int
      var tickets: Int

      init(_ tally: Tally) {
        (requests, accepted, refused) = (tally.requests, tally.accepted, tally.refused)
        (decided, rejected, held, tickets) = (tally.decided, tally.rejected, tally.held, tally.tickets)
      }
    }

    var startedAt: String
    var machine: String
    var runs: Int
    var requests: Int
    var sound: Bool
    var rows: [Row]
    var ratios: [Figure]
    var failures: [String]
    var missing: [String]
    var audited: String
    var findings: [String]
  }
}
