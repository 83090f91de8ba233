import Foundation
import Pipeline
import Ticketing

/// One request for tickets and what followed: what its customer sent, and was told.
struct Purchase: Sendable {
  /// What came of one attempt to send the request.
  enum Answer: Hashable, Sendable {
    case accepted
    /// `503 overloaded`: certainly not queued.
    case overloaded
    /// `503 unavailable`, or none at all: it may be queued.
    case unknown
    /// What no request in a suite like this one may be answered with.
    case unexpected(String)
  }

  let event: EventID
  let customer: CustomerID
  let key: String
  let firstSent: ContinuousClock.Instant
  var answers: [Answer] = []
  /// When it was first answered with `202`.
  var acceptedAt: ContinuousClock.Instant?
  /// What the accepted answers called it.
  var namedAs: Set<UUID> = []
  /// Commands about it that were accepted.
  var acceptedExtensions: [CommandID] = []
  var isReleaseAccepted = false
  /// What it was last known to have become.
  var outcome: Outcome?

  struct Outcome: Equatable, Sendable {
    var status: String
    var sequence: Int
    var seats: [String]
  }

  init(event: EventID, customer: CustomerID, key: String, firstSent: ContinuousClock.Instant = .now) {
    (self.event, self.customer, self.key, self.firstSent) = (event, customer, key, firstSent)
  }

  /// Follows from who asked for what.
  var reservation: ReservationID { DerivedIdentity.reservation(of: event, by: customer, key: key) }

  /// Whether every attempt was refused, and none could have been queued.
  var isRefused: Bool { !answers.isEmpty && answers.allSatisfy { $0 == .overloaded } }
}

/// What all customers of a run sent and were told.
struct History: Sendable {
  var purchases: [Purchase] = []
  /// What customers were told that cannot be, in words.
  var contradictions: [String] = []

  static func += (left: inout History, right: History) {
    left.purchases += right.purchases
    left.contradictions += right.contradictions
  }

  /// Numbers for a report.
  var summary: String {
    let attempts = purchases.reduce(0) { $0 + $1.answers.count }
    let unknown = purchases.reduce(0) { $0 + $1.answers.count { $0 == .unknown } }
    let overloaded = purchases.reduce(0) { $0 + $1.answers.count { $0 == .overloaded } }
    let accepted = purchases.filter { $0.acceptedAt != nil }
    let outcomes = Dictionary(grouping: accepted.compactMap(\.outcome), by: \.status).mapValues(\.count)
    return "\(purchases.count) requests in \(attempts) attempts (\(unknown) unknown, \(overloaded) overloaded), "
      + "\(accepted.count) accepted, \(purchases.count(where: \.isRefused)) refused for good; outcomes: "
      + outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
  }
}
