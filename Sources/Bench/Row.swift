/// A line of the table of goals, or a yardstick beside it: something that is measured once a run.
struct Row: Sendable {
  var name: String
  var title: String
  /// Rows whose values of the same run this one needs.
  var needs: [String] = []
  /// Whether what was sold before must be gone first.
  var startsAfresh = false
  var figures: [Figure]
  /// Given the values of the rows before it, measures all of its figures.
  var measure: @Sendable (Lab, Values) async throws -> Measurement

  /// Values by the key of their figure.
  typealias Values = [String: Double]
}

/// A number that a row measures.
struct Figure: Sendable, Equatable {
  enum Goal: Sendable, Equatable {
    case atLeast(Double)
    case atMost(Double)

    func isMet(by value: Double) -> Bool {
      switch self {
      case .atLeast(let bound): value >= bound
      case .atMost(let bound): value <= bound
      }
    }
  }

  /// Unique among all figures: the row's name, a dot, and a name.
  var key: String
  var title: String
  var unit: String
  var goal: Goal?

  init(_ key: String, _ title: String, _ unit: String, _ goal: Goal? = nil) {
    (self.key, self.title, self.unit, self.goal) = (key, title, unit, goal)
  }
}

/// What one run of a row gave.
struct Measurement: Sendable {
  var values: Row.Values = [:]
  var tally = Tally()
  /// What a reader must know of how it was measured.
  var notes: [String] = []
}

/// What happened to the requests of a measurement, counted apart: a request is no decision, and a decision need not give a ticket.
struct Tally: Sendable, Equatable {
  /// Sent.
  var requests = 0
  /// Answered `202`.
  var accepted = 0
  /// Answered `503` or `429`: not queued.
  var refused = 0
  /// In the journal.
  var decided = 0
  /// Decisions that gave tickets, and those tickets.
  var held = 0
  var tickets = 0
  /// Decisions that gave none.
  var rejected: Int { decided - held }

  static func += (left: inout Tally, right: Tally) {
    left.requests += right.requests
    left.accepted += right.accepted
    left.refused += right.refused
    left.decided += right.decided
    left.held += right.held
    left.tickets += right.tickets
  }
}

/// One figure in terms of another of the same run: what can be compared between machines.
struct Ratio: Sendable {
  var figure: Figure
  var numerator: String
  var denominator: String

  func value(_ values: Row.Values) -> Double? {
    guard let above = values[numerator], let below = values[denominator], below != 0 else { return nil }
    return above / below
  }
}
