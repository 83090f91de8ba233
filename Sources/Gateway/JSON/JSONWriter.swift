/// Writes a JSON text, straight into bytes.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

  /// An object whose members `body` writes.
  mutating func object(_ body: (inout JSONWriter) -> Void) { enclosed("{", "}", body) }

  /// An array whose elements `body` writes.
  mutating func array(_ body: (inout JSONWriter) -> Void) { enclosed("[", "]", body) }

  mutating func member(_ key: StaticString, _ value: String) {
    self.key(key)
    string(value)
  }

  mutating func member(_ key: StaticString, _ value: some BinaryInteger) {
    self.key(key)
    number(Int64(value))
  }

  /// A text of nothing but letters, digits and the like.
  mutating func member(_ key: StaticString, plain value: String) {
    self.key(key)
    quoted(value)
  }

  /// With at most three decimals.
  mutating func member(_ key: StaticString, _ value: Double) {
    self.key(key)
    raw("\((value * 1000).rounded() / 1000)")
  }

  mutating func member(_ key: StaticString, _ value: Bool) {
    self.key(key)
    raw(value ? "true" : "false")
  }

  mutating func object(_ key: StaticString, _ body: (inout JSONWriter) -> Void) {
    self.key(key)
    object(body)
  }

  mutating func array(_ key: StaticString, _ body: (inout JSONWriter) -> Void) {
    self.key(key)
    array(body)
  }

  /// An element of an array.
  mutating func element(_ value: String) {
    separate()
    string(value)
  }

  mutating func element(_ value: some BinaryInteger) {
    separate()
    number(Int64(value))
  }

  mutating func element(_ body: (inout JSONWriter) -> Void) {
    separate()
    object(body)
  }

  /// An element that is JSON already.
  mutating func element(json: [UInt8]) {
    separate()
    bytes.append(contentsOf: json)
    needsComma = true
  }

  private mutating func enclosed(_ opening: StaticString, _ closing: StaticString, _ body: (inout JSONWriter) -> Void) {
    raw(opening)
    needsComma = false
    body(&self)
    raw(closing)
    needsComma = true
  }

  private mutating func key(_ key: StaticString) {
    let comma = needsComma
    needsComma = true
    if comma { bytes.append(UInt8(ascii: ",")) }
    bytes.append(UInt8(ascii: "\""))
    raw(key)
    bytes.append(UInt8(ascii: "\""))
    bytes.append(UInt8(ascii: ":"))
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func raw(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }

  private mutating func raw(_ text: String) {
    var text = text
    text.withUTF8 { bytes.append(contentsOf: $0) }
  }

  private mutating func number(_ value: Int64) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    digits(value.magnitude)
  }

  private mutating func digits(_ value: UInt64) {
    if value >= 10 { digits(value / 10) }
    bytes.append(UInt8(ascii: "0") + UInt8(value % 10))
  }

  private mutating func quoted(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    raw(text)
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func string(_ value: String) {
    var value = value
    let isPlain = value.withUTF8 { text in
      !text.contains { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }
    }
    // Byte by byte was a quarter of what a reservation's JSON cost.
    if isPlain { quoted(value) } else { escaped(value) }
  }

  private mutating func escaped(_ value: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0x0A: raw("\\n")
      case 0x0D: raw("\\r")
      case 0x09: raw("\\t")
      case 0..<0x20:
        raw("\\u00")
        raw(byte < 16 ? "0" : "1")
        raw(String(byte & 15, radix: 16))
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
