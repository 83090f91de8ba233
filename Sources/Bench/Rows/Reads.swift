import Pipeline
import Ticketing

extension Row {
  /// What customers do most of the time in a sale: look.
  static let reads = Row(
    name: "reads", title: "Reading, 64 connections, beside Hummingbird's empty GET",
    figures: [
      Figure("reads.empty", "Hummingbird's empty GET", "/s"),
      Figure("reads.reservation", "a reservation", "/s"),
      Figure("reads.availability", "availability", "/s"),
      Figure("reads.event", "an event", "/s"),
      Figure("reads.reservation_304", "a reservation, 304", "/s"),
      Figure("reads.availability_304", "availability, 304", "/s"),
      Figure("reads.event_304", "an event, 304", "/s"),
      Figure("reads.reservation_share", "a reservation, to the empty GET", "×", .atLeast(0.7)),
      Figure("reads.availability_share", "availability, to the empty GET", "×", .atLeast(0.7)),
      Figure("reads.event_share", "an event, to the empty GET", "×", .atLeast(0.7)),
      Figure("reads.reservation_304_share", "a reservation, 304, to the empty GET", "×", .atLeast(0.85)),
      Figure("reads.availability_304_share", "availability, 304, to the empty GET", "×", .atLeast(0.85)),
      Figure("reads.event_304_share", "an event, 304, to the empty GET", "×", .atLeast(0.85)),
    ]
  ) { lab, _ in
    let count = min(1_000, lab.spike)
    let events = try await lab.create(1, .places(count))
    let purchases = Purchases(count, of: events, section: "floor", authority: lab.authority)
    let sale = try await lab.sell(purchases, of: events, using: lab.generator())

    let event = "/v1/events/\(events[0])"
    let reads: [(name: String, requests: [[UInt8]])] = [
      ("reservation", (0..<count).map { purchases.read($0, authority: lab.authority) }),
      ("availability", [FixedRequests.get(event + "/availability")]),
      ("event", [FixedRequests.get(event)]),
    ]
    var values: Values = [:]
    let first = try await lab.askYardstick(FixedRequests.get("/empty"))
    for read in reads { values["reads." + read.name] = try await lab.read(read.requests, expecting: 200) }
    for read in reads {
      // A hundred are enough to be different ones.
      let conditional = try read.requests.prefix(100).map { request in try lab.conditional(request) }
      values["reads.\(read.name)_304"] = try await lab.read(conditional, expecting: 304)
    }
    let last = try await lab.askYardstick(FixedRequests.get("/empty"))
    let empty = (first.perSecond + last.perSecond) / 2
    for (key, value) in values { values[key + "_share"] = value / empty }
    values["reads.empty"] = empty
    return Measurement(values: values, tally: sale.tally)
  }
}

extension Purchases {
  /// The poll of a reservation by its customer.
  fileprivate func read(_ number: Int, authority: TokenAuthority) -> [UInt8] {
    let token = authority.token(of: customer(number))
    return FixedRequests.get("/v1/reservations/\(reservation(number))", fields: ["Authorization: Bearer \(token)"])
  }
}

extension Lab {
  fileprivate func read(_ requests: [[UInt8]], expecting status: UInt16) async throws -> Double {
    try await ask(
      FixedRequests(requests: requests, count: spike), at: gatewayPort, role: "gateway", of: Processes(roles: []),
      expecting: status
    ).perSecond
  }

  /// The same request by someone who has the answer already.
  fileprivate func conditional(_ request: [UInt8]) throws -> [UInt8] {
    guard let tag = try Exchange(request, port: gatewayPort).field("etag") else {
      throw BenchFailure("an answer without an ETag")
    }
    return request.dropLast(2) + Array("If-None-Match: \(tag)\r\n\r\n".utf8)
  }
}
