import NIOHTTP1

extension HTTPHeaders {
  /// A field's value; of several fields of one name all values, as a list (RFC 9110, 5.3).
  func value(of name: StaticString) -> String? {
    var whole: String?
    for (other, value) in self where Self.isSame(name, other) {
      let value = Self.trimmed(value)
      whole = whole.map { "\($0), \(value)" } ?? value
    }
    return whole
  }

  /// Compares names. Setting a bit makes small letters of large ones, and nothing else of what we ask for.
  static func isSame(_ name: StaticString, _ other: String) -> Bool {
    // Nearly all others are told apart by that alone.
    if name.utf8CodeUnitCount != other.utf8.count { return false }
    return name.withUTF8Buffer { name in
      other.withBytes { other in name.indices.allSatisfy { name[$0] | 0x20 == other[$0] | 0x20 } }
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
