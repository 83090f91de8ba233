import NIOHTTP1

/// The header fields of a request that mean something here; of several of one name all values, as a list (RFC 9110, 5.3).
///
/// They are found in one pass. A search for each copied all names and values each time, which was a sixth of an event loop's counting of
/// references.
struct HeaderFields: Sendable {
  private(set) var accept: String?
  private(set) var authorization: String?
  private(set) var contentLength: String?
  private(set) var contentType: String?
  private(set) var expect: String?
  private(set) var forwardedFor: String?
  private(set) var idempotencyKey: String?
  private(set) var ifNoneMatch: String?
  private(set) var prefer: String?
  private(set) var upgrade: String?
  /// How many there are of `Host`.
  private(set) var hosts = 0
  /// What all names and values have together.
  private(set) var bytes = 0

  init(_ headers: HTTPHeaders) { for (name, value) in headers { add(name, value) } }

  private mutating func add(_ name: String, _ value: String) {
    bytes += name.utf8.count + value.utf8.count
    // Their lengths alone tell most of them apart.
    switch name.utf8.count {
    case 4: if Self.isSame("host", name) { hosts += 1 }
    case 6:
      Self.add("accept", &accept, name, value)
      Self.add("expect", &expect, name, value)
      Self.add("prefer", &prefer, name, value)
    case 7: Self.add("upgrade", &upgrade, name, value)
    case 12: Self.add("content-type", &contentType, name, value)
    case 13:
      Self.add("authorization", &authorization, name, value)
      Self.add("if-none-match", &ifNoneMatch, name, value)
    case 14: Self.add("content-length", &contentLength, name, value)
    case 15:
      Self.add("idempotency-key", &idempotencyKey, name, value)
      Self.add("x-forwarded-for", &forwardedFor, name, value)
    default: break
    }
  }

  /// Adds to a field's value what is said under its name.
  private static func add(_ field: StaticString, _ values: inout String?, _ name: String, _ value: String) {
    guard isSame(field, name) else { return }
    let value = trimmed(value)
    values = values.map { "\($0), \(value)" } ?? value
  }

  /// Compares names. Setting a bit makes small letters of large ones, and nothing else of what we look for.
  private static func isSame(_ known: StaticString, _ name: String) -> Bool {
    known.withUTF8Buffer { known in
      name.withBytes { name in
        known.count == name.count && known.indices.allSatisfy { known[$0] == name[$0] | 0x20 }
      }
    }
  }

  /// Without the white space behind it, which is none of the value (RFC 9112, 5.1), and which NIO's parser leaves there.
  private static func trimmed(_ value: String) -> String {
    func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    guard let last = value.utf8.last, isBlank(last) else { return value }
    guard let end = value.utf8.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(Substring(value.utf8[...end]))
  }
}
