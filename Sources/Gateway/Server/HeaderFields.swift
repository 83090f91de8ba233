import NIOHTTP1

/// The header fields of a request that mean something here; of several of one name all values, as a list (RFC 9110, 5.3).
///
/// They are found in one pass. A search for each copied all names and values each time, which was a sixth of an event loop's counting of
/// references.
struct HeaderFields: Equatable, Sendable {
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

  init() {}

  init(_ headers: HTTPHeaders) {
    for (name, value) in headers {
      name.withBytes { name in value.withBytes { value in add(UnsafeRawBufferPointer(name), UnsafeRawBufferPointer(value)) } }
    }
  }

  /// Adds a field. Texts are made of those only that mean something here.
  mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    bytes += name.count + value.count
    // Their lengths alone tell most of them apart.
    switch name.count {
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
  private static func add(
    _ field: StaticString, _ values: inout String?, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    guard isSame(field, name) else { return }
    let value = String(decoding: trimmed(value), as: UTF8.self)
    values = values.map { "\($0), \(value)" } ?? value
  }

  /// Compares with what is known, in small letters. Setting a bit makes small letters of large ones, and nothing else of what we look for.
  static func isSame(_ known: StaticString, _ text: UnsafeRawBufferPointer) -> Bool {
    known.withUTF8Buffer { known in
      known.count == text.count && known.indices.allSatisfy { known[$0] == text[$0] | 0x20 }
    }
  }

  /// Without the white space behind it, which is none of the value (RFC 9112, 5.1), and which parsers leave there.
  private static func trimmed(_ value: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
    func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    var end = value.count
    while end > 0, isBlank(value[end - 1]) { end -= 1 }
    return value[..<end]
  }
}
