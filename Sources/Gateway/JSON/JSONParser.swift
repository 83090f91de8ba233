/// Why a text is no JSON, and at which byte.
package struct JSONSyntaxError: Error, Equatable {
  var message: String
  var offset: Int
}

/// Reads a JSON text. It is stricter than Foundation's (a key must not appear twice, numbers must be finite) and several times as
/// fast on the small bodies that a sale is made of.
package struct JSONParser {
  /// How deep arrays and objects may lie in each other: the contract's deepest body has six levels.
  private static let maximumDepth = 16

  /// How many members an object may have: several times the contract's largest. It keeps the search for repeated keys short.
  private static let maximumMembers = 64

  /// Most arrays and objects have no more elements or members. Room for so many is made at once, instead of for one, two and four.
  private static let usualSize = 4

  /// Read nowhere but before its end, for which ``next`` vouches. An array would be retained, released and asked for its length for each
  /// byte.
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  package static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
    try bytes.withUnsafeBufferPointer { bytes throws(JSONSyntaxError) in
      var parser = JSONParser(bytes: bytes)
      parser.skipSpace()
      let value = try parser.value(depth: 0)
      parser.skipSpace()
      guard parser.position == bytes.count else { throw parser.error("there is more after the value") }
      return value
    }
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// What was read since `start`.
  private func read(since start: Int) -> UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: bytes[start..<position]) }

  private func error(_ message: String) -> JSONSyntaxError { JSONSyntaxError(message: message, offset: position) }

  private mutating func skipSpace() {
    while let next, next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { position += 1 }
  }

  private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    guard depth <= Self.maximumDepth else { throw error("nested too deep") }
    guard let next else { throw error("the text ends too early") }
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw error("not the beginning of a value")
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
    let matches = word.withUTF8Buffer { bytes[position...].starts(with: $0) }
    guard matches else { throw error("not the beginning of a value") }
    position += word.utf8CodeUnitCount
    return value
  }

  private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    position += 1
    skipSpace()
    if next == UInt8(ascii: "}") {
      position += 1
      return .object([])
    }
    var members: [(key: String, value: JSONValue)] = []
    members.reserveCapacity(Self.usualSize)
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw error("a key was expected") }
      let key = try string()
      guard members.count < Self.maximumMembers else { throw error("too many members in one object") }
      guard !members.indices.contains(where: { members[$0].key == key }) else { throw error("a key appears twice") }
      skipSpace()
      guard next == UInt8(ascii: ":") else { throw error("a colon was expected") }
      position += 1
      skipSpace()
      members.append((key, try value(depth: depth + 1)))
      skipSpace()
      switch next {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "}"):
        position += 1
        return .object(members)
      default: throw error("a comma or a closing brace was expected")
      }
    }
  }

  private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    position += 1
    skipSpace()
    if next == UInt8(ascii: "]") {
      position += 1
      return .array([])
    }
    var elements: [JSONValue] = []
    elements.reserveCapacity(Self.usualSize)
    while true {
      skipSpace()
      elements.append(try value(depth: depth + 1))
      skipSpace()
      switch next {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "]"):
        position += 1
        return .array(elements)
      default: throw error("a comma or a closing bracket was expected")
      }
    }
  }

  private mutating func string() throws(JSONSyntaxError) -> String {
    position += 1
    let start = position
    // In variables of their own, which stay in registers.
    var (end, allBits) = (start, 0 as UInt8)
    while end < bytes.count, bytes[end].isPlainInJSON {
      allBits |= bytes[end]
      end += 1
    }
    position = end
    if next == UInt8(ascii: "\"") {
      defer { position += 1 }
      // Nearly all are ASCII, and then there is nothing to validate.
      return allBits < 0x80 ? ascii(read(since: start)) : try text(read(since: start))
    }
    var unescaped = Array(read(since: start))
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try text(unescaped)
      case UInt8(ascii: "\\"): try escape(into: &unescaped)
      case 0..<0x20: throw error("a control character in a string")
      default:
        unescaped.append(byte)
        position += 1
      }
    }
    throw error("a string does not end")
  }

  /// Straight into the string, without the search for what is to be repaired in it.
  private func ascii(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    String(unsafeUninitializedCapacity: bytes.count) { $0.initialize(fromContentsOf: bytes) }
  }

  private func text(_ bytes: some Sequence<UInt8>) throws(JSONSyntaxError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw error("a string that is not UTF-8") }
    return text
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(JSONSyntaxError) {
    position += 1
    guard let letter = next else { throw error("a string does not end") }
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard next == UInt8(ascii: "\\") else { throw error("half of a surrogate pair") }
        position += 1
        guard next == UInt8(ascii: "u") else { throw error("half of a surrogate pair") }
        position += 1
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw error("half of a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair") }
      bytes.append(contentsOf: String(Character(scalar)).utf8)
    default: throw error("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw error("the text ends too early") }
    var value: UInt32 = 0
    for byte in bytes[position..<(position + 4)] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("four hexadecimal digits were expected")
      }
      value = value << 4 | UInt32(digit)
    }
    position += 4
    return value
  }

  private mutating func number() throws(JSONSyntaxError) -> JSONValue {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    guard let first = next, isDigit(first) else { throw error("a digit was expected") }
    position += 1
    if first != UInt8(ascii: "0") { skipDigits() }
    var isInteger = true
    if next == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      try expectDigits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try expectDigits()
    }
    if isInteger, let value = Self.integer(read(since: start)) { return .integer(value) }
    let text = String(decoding: read(since: start), as: UTF8.self)
    if isInteger, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { throw error("a number beyond all bounds") }
    // In JSON Schema's eyes, 2.0 and 2e0 are integers.
    if let whole = Int64(exactly: value) { return .integer(whole) }
    return .number(value)
  }

  /// A sign, if there is one, and digits; nil if they may be too many.
  private static func integer(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
    guard text.count <= 18 else { return nil }
    var value: Int64 = 0
    for byte in text where byte != UInt8(ascii: "-") { value = value * 10 + Int64(byte - UInt8(ascii: "0")) }
    return text.first == UInt8(ascii: "-") ? -value : value
  }

  private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private mutating func skipDigits() { while let next, isDigit(next) { position += 1 } }

  private mutating func expectDigits() throws(JSONSyntaxError) {
    guard let next, isDigit(next) else { throw error("a digit was expected") }
    skipDigits()
  }
}
