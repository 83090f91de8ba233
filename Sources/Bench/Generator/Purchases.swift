import Pipeline
import Ticketing

/// Requests for tickets, each of a customer of its own and under a key of its own.
struct Purchases: RequestSource {
  /// What all have in common; where a request differs, the template has as many bytes as it puts there.
  private let template: [UInt8]
  private let eventAt: Int
  private let tokenAt: Int
  private let keyAt: Int
  private let quantityAt: Int
  /// All tokens, one after the other: as strings they would take several times as much.
  private let tokens: [UInt8]
  private let tokenLength: Int
  private let events: [EventID]
  private let eventTexts: [[UInt8]]
  private let run: UInt128
  private let quantities: @Sendable (Int) -> Int
  let count: Int

  /// - Parameters:
  ///   - events: request n is for event n modulo their number.
  ///   - quantities: the number of tickets of a request, 1 to 9.
  init(
    _ count: Int, of events: [EventID], section: String, quantities: @escaping @Sendable (Int) -> Int = { _ in 1 },
    authority: TokenAuthority
  ) {
    self.count = count
    self.events = events
    self.quantities = quantities
    eventTexts = events.map { Array("\($0)".utf8) }
    let run = UInt128.random(in: .min ... .max)
    self.run = run
    var tokens: [UInt8] = []
    for number in 0..<count { tokens += authority.token(of: Self.customer(number, of: run)).utf8 }
    self.tokens = tokens
    tokenLength = tokens.count / max(1, count)

    let body = #"{"selection":{"section":"\#(section)","quantity":"#
    var template = Array("POST /v1/events/".utf8)
    func gap(_ length: Int) -> Int {
      template += repeatElement(UInt8(ascii: "0"), count: length)
      return template.count - length
    }
    eventAt = gap(eventTexts[0].count)
    template += "/reservations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ".utf8
    tokenAt = gap(tokenLength)
    template += "\r\nIdempotency-Key: ".utf8
    keyAt = gap(16)
    template += "\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count + 3)\r\n\r\n\(body)".utf8
    quantityAt = gap(1)
    template += "}}".utf8
    self.template = template
  }

  func append(_ number: Int, to buffer: inout [UInt8]) {
    let start = buffer.count
    buffer += template
    func put(_ bytes: some Collection<UInt8>, at offset: Int) {
      buffer.replaceSubrange((start + offset)..<(start + offset + bytes.count), with: bytes)
    }
    put(eventTexts[number % events.count], at: eventAt)
    put(tokens[(number * tokenLength)..<((number + 1) * tokenLength)], at: tokenAt)
    put(Self.key(number), at: keyAt)
    buffer[start + quantityAt] = UInt8(48 + quantities(number))
  }

  /// The customer who sends a request.
  func customer(_ number: Int) -> CustomerID { Self.customer(number, of: run) }

  /// The reservation that a request asks for.
  func reservation(_ number: Int) -> ReservationID {
    DerivedIdentity.reservation(
      of: events[number % events.count], by: customer(number), key: String(decoding: Self.key(number), as: UTF8.self))
  }

  private static func customer(_ number: Int, of run: UInt128) -> CustomerID { CustomerID(run &+ UInt128(number)) }

  /// 16 digits. Customers are new in every run, so the number is unique enough.
  private static func key(_ number: Int) -> [UInt8] {
    (0..<16).map { position in
      let digit = UInt8(truncatingIfNeeded: number >> (60 - 4 * position) & 15)
      return digit < 10 ? 48 + digit : 87 + digit
    }
  }
}

extension TokenAuthority {
  /// A token for a customer, or an organiser, who exists for this run only; good for a day.
  func token(of user: CustomerID, role: User.Role = .customer) -> String {
    issue(AccessToken(user: user, session: user.rawValue, role: role, expiresAt: wallClock().adding(seconds: 86_400)))
  }
}

/// Requests that differ in nothing, or are taken in turn from a few.
struct FixedRequests: RequestSource {
  var requests: [[UInt8]]
  var count: Int

  func append(_ number: Int, to buffer: inout [UInt8]) { buffer += requests[number % requests.count] }

  /// One request without a body.
  static func get(_ path: String, fields: [String] = []) -> [UInt8] {
    Array((["GET \(path) HTTP/1.1", "Host: localhost"] + fields + ["", ""]).joined(separator: "\r\n").utf8)
  }

  static func post(_ path: String, fields: [String] = [], body: String) -> [UInt8] {
    let all = [
      "POST \(path) HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: \(body.utf8.count)",
    ]
    return Array((all + fields + ["", body]).joined(separator: "\r\n").utf8)
  }
}
