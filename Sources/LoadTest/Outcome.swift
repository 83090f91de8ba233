import NIOCore

/// A reservation as an answer shows it.
struct Outcome: Sendable, Equatable {
  struct Ticket: Sendable, Equatable {
    var section = ""
    /// Nil in general admission.
    var seat: String?
  }

  var reservation = ""
  var status = ""
  var sequence: Int?
  var tickets: [Ticket] = []
  var rejection: String?
  /// Seconds since 1970, as all times here.
  var expiresAt: Double?
  var serverTime: Double?

  var isDecided: Bool { status != "queued" }
  /// Whether its tickets are its own right now.
  var isLive: Bool { status == "held" || status == "paying" || status == "confirmed" }

  /// Reads a `Reservation` of the contract; nil if `body` is none.
  init?(_ body: ByteBuffer) {
    do {
      try body.withUnsafeReadableBytes { bytes in
        var scanner = JSONScanner(bytes)
        try scanner.object { scanner, key in try read(key, from: &scanner) }
      }
    } catch {
      return nil
    }
    guard !reservation.isEmpty, !status.isEmpty else { return nil }
  }

  private mutating func read(_ key: String, from scanner: inout JSONScanner) throws {
    switch key {
    case "id": reservation = try scanner.string()
    case "status": status = try scanner.string()
    case "sequence": sequence = try scanner.integer()
    case "expires_at": expiresAt = RFC3339.parse(try scanner.string())
    case "server_time": serverTime = RFC3339.parse(try scanner.string())
    case "rejection":
      try scanner.object { scanner, key in
        if key == "code" { rejection = try scanner.string() } else { try scanner.skip() }
      }
    case "tickets":
      try scanner.array { scanner in
        var ticket = Ticket()
        try scanner.object { scanner, key in
          switch key {
          case "section": ticket.section = try scanner.string()
          case "seat": ticket.seat = try scanner.string()
          default: try scanner.skip()
          }
        }
        tickets.append(ticket)
      }
    default: try scanner.skip()
    }
  }
}

/// The `code` and `detail` of a problem (RFC 9457).
struct Problem: Sendable, Equatable {
  var code: String
  var detail: String?

  init(_ response: Response) {
    code = "http_\(response.status)"
    try? response.body.withUnsafeReadableBytes { bytes in
      var scanner = JSONScanner(bytes)
      try scanner.object { scanner, key in
        switch key {
        case "code": code = try scanner.string()
        case "detail": detail = try scanner.string()
        default: try scanner.skip()
        }
      }
    }
  }
}

/// Times as the contract writes them: `2030-06-01T18:00:00Z`, perhaps with a fraction of a second.
enum RFC3339 {
  /// Seconds since 1970, or nil if `text` is no time in UTC.
  static func parse(_ text: String) -> Double? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, let end = bytes.last, end == UInt8(ascii: "Z") else { return nil }
    func number(_ range: Range<Int>) -> Int? {
      bytes[range].reduce(0 as Int?) { value, byte in
        guard let value, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
        return value * 10 + Int(byte - UInt8(ascii: "0"))
      }
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
      let minute = number(14..<16), let second = number(17..<19), 1...12 ~= month
    else { return nil }
    let whole = ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    guard bytes.count > 20 else { return Double(whole) }
    guard let fraction = Double("0" + text.dropFirst(19).dropLast()) else { return nil }
    return Double(whole) + fraction
  }

  /// Howard Hinnant's `days_from_civil`: years begin in March, so that the leap day is a year's last.
  private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let year = month <= 2 ? year - 1 : year
    let era = (year >= 0 ? year : year - 399) / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
