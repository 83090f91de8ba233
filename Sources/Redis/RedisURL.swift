/// The parts of a `redis://` URL, as https://www.iana.org/assignments/uri-schemes/prov/redis defines it.
struct RedisURL {
  var username: String?
  var password: String?
  var host = ""
  var port = 6379
  var database = 0

  init(_ url: String) throws(RedisError) {
    guard let separator = url.firstRange(of: "://") else { throw Self.invalid("has no scheme") }
    switch url[..<separator.lowerBound] {
    case "redis": break
    case "rediss":
      throw Self.invalid(
        "asks for TLS (rediss), which hiredis 0.14 cannot speak; use redis:// on a trusted network or in a tunnel")
    default: throw Self.invalid("does not begin with redis://")
    }
    var rest = url[separator.upperBound...]
    if rest.contains(where: { $0 == "?" || $0 == "#" }) {
      throw Self.invalid("has parameters (? or #), and there are none; in a password they are written %3F and %23")
    }
    if let at = rest.lastIndex(of: "@") {
      try readCredentials(rest[..<at])
      rest = rest[rest.index(after: at)...]
    }
    if let slash = rest.firstIndex(of: "/") {
      try readDatabase(rest[rest.index(after: slash)...])
      rest = rest[..<slash]
    }
    try readHost(rest)
  }

  /// `user:password`, `:password` or `password`.
  private mutating func readCredentials(_ text: Substring) throws(RedisError) {
    guard let colon = text.firstIndex(of: ":") else {
      password = try Self.decode(text)
      return
    }
    username = colon == text.startIndex ? nil : try Self.decode(text[..<colon])
    password = try Self.decode(text[text.index(after: colon)...])
    if username == nil && password == "" { password = nil }
  }

  private mutating func readDatabase(_ text: Substring) throws(RedisError) {
    if text.isEmpty { return }
    guard let number = UInt16(text) else { throw Self.invalid("has a database that is not a number from 0") }
    database = Int(number)
  }

  private mutating func readHost(_ text: Substring) throws(RedisError) {
    var portText: Substring?
    if text.first == "[" {
      guard let end = text.firstIndex(of: "]") else { throw Self.invalid("has an IPv6 address without its closing bracket") }
      host = String(text[text.index(after: text.startIndex)..<end])
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.first == ":" else { throw Self.invalid("has something else than a port after the address") }
      portText = rest.isEmpty ? nil : rest.dropFirst()
    } else {
      let pieces = text.split(separator: ":", omittingEmptySubsequences: false)
      guard pieces.count <= 2 else { throw Self.invalid("has more than one port; an IPv6 address stands in brackets") }
      host = String(pieces[0])
      portText = pieces.count == 2 ? pieces[1] : nil
    }
    if host.isEmpty { throw Self.invalid("has no host") }
    guard let portText else { return }
    guard let number = UInt16(portText), number > 0 else { throw Self.invalid("has a port that is not a number from 1 to 65535") }
    port = Int(number)
  }

  private static func decode(_ text: Substring) throws(RedisError) -> String {
    let problem = "has a user or password that is not percent-encoded UTF-8"
    var bytes: [UInt8] = []
    var rest = text.utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = Substring(rest.prefix(2))
      // `UInt8` would also take a sign.
      guard digits.count == 2, digits.allSatisfy(\.isHexDigit), let decoded = UInt8(digits, radix: 16) else {
        throw invalid(problem)
      }
      bytes.append(decoded)
      rest = rest.dropFirst(2)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else { throw invalid(problem) }
    return decoded
  }

  /// Without the URL itself: it holds the password.
  private static func invalid(_ problem: String) -> RedisError {
    RedisError(.invalidURL, "the Redis URL \(problem); expected redis://[user:]password@host:port/database")
  }
}
