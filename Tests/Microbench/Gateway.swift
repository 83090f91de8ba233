import Gateway
import Pipeline
import Ticketing

extension Microbenchmark {
  /// Who asks, and for what.
  static let identities = [
    Microbenchmark("token: check the signature") {
      let authority = TokenAuthority(secret: Array(1...32))
      let token = Substring(authority.issue(accessToken))
      return { keep(authority.verify(token)) }
    },
    Microbenchmark("token: known already") {
      let authority = TokenAuthority(secret: Array(1...32))
      let token = Substring(authority.issue(accessToken))
      let verified = VerifiedTokens(authority: authority)
      return { keep(verified.verify(token)) }
    },
    Microbenchmark("identity: of a reservation") {
      { keep(DerivedIdentity.reservation(of: sample.event.id, by: customer(1), key: "5f0c9a2e-order-17")) }
    },
    Microbenchmark("identity: write a UUID") { { keep(sample.event.id.description) } },
    Microbenchmark("identity: read a UUID") {
      let text = Substring(sample.event.id.description)
      return { keep(ReservationID(text)) }
    },
  ]

  private static let accessToken = AccessToken(
    user: customer(1), session: identity(2), role: .customer, expiresAt: present.adding(seconds: 86_400))

  /// Heads and bodies of requests for tickets.
  static let requests = [head] + bodies

  private static let head = Microbenchmark("request: its head") {
    let text = """
      POST /v1/events/\(sample.event.id)/reservations HTTP/1.1\r
      Host: tickets.example.org\r
      Authorization: Bearer \(TokenAuthority(secret: Array(1...32)).issue(accessToken))\r
      Idempotency-Key: 5f0c9a2e-order-17\r
      Content-Type: application/json\r
      Content-Length: 52\r
      \r

      """
    let bytes = Array(text.utf8)
    return { keep(bytes.withUnsafeBytes { PlainHead.read($0) }) }
  }

  private static let bodies = [
    ("2 places", #"{"selection": {"section": "floor", "quantity": 2}}"#),
    ("4 seats", #"{"selection": {"seats": ["hall-3-11", "hall-3-12", "hall-3-13", "hall-3-14"]}}"#),
    (
      "2 places, 2 fallbacks",
      #"{"selection":{"section":"floor","quantity":2},"fallbacks":[{"section":"balcony","quantity":2},"#
        + #"{"section":"hall","quantity":2,"adjacent":false}]}"#
    ),
  ].map { name, text in
    Microbenchmark("request: \(name)") {
      let bytes = Array(text.utf8)
      let wanted = read(bytes)
      precondition(wanted != nil, "\(text) is not what the contract wants")
      return { keep(read(bytes)) }
    }
  }

  private static func read(_ bytes: [UInt8]) -> Command.Request? {
    try? NewReservationBody.read(try JSONParser.parse(bytes), customer: customer(1), event: known)
  }

  /// What clients are told.
  static let responses =
    [
      ("queued", SampleRecord.queued), ("held", SampleRecord.standing), ("held seats", SampleRecord.seated),
      ("rejected", SampleRecord.rejected),
    ].map { name, record in
      Microbenchmark("response: a reservation, \(name)") {
        let progress = Progress(ordinal: 17, rate: 12_345.6)
        return { keep(record.json(of: known, progress: progress, serverTime: present)) }
      }
    } + [
      Microbenchmark("response: an event") { { keep(sample.json) } },
      Microbenchmark("response: availability") { { keep(availability.json(of: sample.event)) } },
      Microbenchmark("response: a time") { { keep(present.rfc3339) } },
      Microbenchmark("response: the date") { { keep(HTTPDate.now()) } },
    ]
}
