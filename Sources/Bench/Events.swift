import Pipeline
import Ticketing

/// An event to be sold, as its organiser sends it.
enum Offer {
  /// Standing places in the section `floor`.
  case places(Int)
  /// Seats in the section `hall`, in rows of up to 500.
  case seats(Int)

  var section: String {
    switch self {
    case .places: "floor"
    case .seats: "hall"
    }
  }

  var json: String {
    """
    {"name":"Benchmark","venue":"Field","starts_at":"2090-07-01T18:00:00Z","max_tickets_per_customer":10,"hold_seconds":7200,\
    "sections":[\(sectionJSON)]}
    """
  }

  private var sectionJSON: String {
    let price = #""price":{"amount":4500,"currency":"EUR"}"#
    switch self {
    case .places(let count):
      return #"{"id":"floor","name":"Floor","kind":"general_admission","capacity":\#(count),\#(price)}"#
    case .seats(let count):
      let rows = stride(from: 0, to: count, by: 500).map { #"{"name":"R\#($0 / 500 + 1)","seats":\#(min(500, count - $0))}"# }
      return #"{"id":"hall","name":"Hall","kind":"seated","rows":[\#(rows.joined(separator: ","))],\#(price)}"#
    }
  }
}

extension Lab {
  /// Creates events over the API and gives their ids, which follow from who creates them under which key.
  func create(_ count: Int, _ offer: Offer) async throws -> [EventID] {
    let organiser = CustomerID(UInt128.random(in: .min ... .max))
    let token = authority.token(of: organiser, role: .organiser)
    let requests = (0..<count).map { number in
      FixedRequests.post(
        "/v1/events", fields: ["Authorization: Bearer \(token)", "Idempotency-Key: event-\(number)"], body: offer.json)
    }
    let answers = try await generator(connections: 8).run(FixedRequests(requests: requests, count: count))
    if let unexpected = answers.unexpected(201) { throw BenchFailure("events were not created: \(unexpected)") }
    return (0..<count).map { DerivedIdentity.event(createdBy: organiser, key: "event-\($0)") }
  }
}
