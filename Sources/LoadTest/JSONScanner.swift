/// Reads JSON front to back, in one pass, keeping only what is asked for. For the answers that come by the thousand each second.
struct JSONScanner {
  struct Malformed: Error {}

  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  private var depth = 0

  /// The contract nests five deep.
  private static let depthLimit = 32

  /// `bytes` must outlive the scanner.
  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Calls `member` with each key; it must read or skip the value.
  mutating func object(_ member: (inout JSONScanner, String) throws -> Void) throws {
    try nested("{", "}") { scanner in
      let key = try scanner.string()
      try scanner.expect(":")
      try member(&scanner, key)
    }
  }

  /// Calls `element` for each one; it must read or skip it.
  mutating func array(_ element: (inout JSONScanner) throws -> Void) throws { try nested("[", "]", element) }

  mutating func string() throws -> String {
    try expect("\"")
    let start = position
    var escaped = false
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      if bytes[position] == UInt8(ascii: "\\") {
        escaped = true
        position += 1
      }
      position += 1
    }
    guard position < bytes.count else { throw Malformed() }
    let content = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    position += 1
    return escaped ? try Self.unescape(content) : String(decoding: content, as: UTF8.self)
  }

  mutating func integer() throws -> Int {
    guard let value = Int(String(decoding: try number(), as: UTF8.self)) else { throw Malformed() }
    return value
  }

  /// Passes over a value of any kind.
  mutating func skip() throws {
    switch try peek() {
    case UInt8(ascii: "{"): try object { scanner, _ in try scanner.skip() }
    case UInt8(ascii: "["): try array { try $0.skip() }
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "a")...UInt8(ascii: "z"):
      while position < bytes.count, UInt8(ascii: "a")...UInt8(ascii: "z") ~= bytes[position] { position += 1 }
    default: _ = try number()
    }
  }

  private mutating func nested(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ item: (inout JSONScanner) throws -> Void
  ) throws {
    try expect(open)
    depth += 1
    guard depth <= Self.depthLimit else { throw Malformed() }
    if try peek() != UInt8(ascii: close) {
      try item(&self)
      while try peek() == UInt8(ascii: ",") {
        position += 1
        try item(&self)
      }
    }
    try expect(close)
    depth -= 1
  }

  private mutating func number() throws -> UnsafeRawBufferPointer {
    _ = try peek()
    let start = position
    while position < bytes.count, Self.numeric.contains(bytes[position]) { position += 1 }
    guard position > start else { throw Malformed() }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
  }

  private static let numeric = Array("0123456789+-.eE".utf8)

  private mutating func peek() throws -> UInt8 {
    while position < bytes.count, bytes[position] <= 0x20 { position += 1 }
    guard position < bytes.count else { throw Malformed() }
    return bytes[position]
  }

  private mutating func expect(_ character: Unicode.Scalar) throws {
    guard try peek() == UInt8(ascii: character) else { throw Malformed() }
    position += 1
  }

  private static func unescape(_ content: UnsafeRawBufferPointer) throws -> String {
    var units: [UInt16] = []
    var scalars = String(decoding: content, as: UTF8.self).utf16.makeIterator()
    while let unit = scalars.next() {
      guard unit == 0x5C else {
        units.append(unit)
        continue
      }
      guard let escape = scalars.next(), let letter = Unicode.Scalar(escape) else { throw Malformed() }
      switch letter {
      case "n": units.append(0x0A)
      case "t": units.append(0x09)
      case "r": units.append(0x0D)
      case "b": units.append(0x08)
      case "f": units.append(0x0C)
      case "u":
        let digits = (0..<4).compactMap { _ in scalars.next() }
        guard let unit = UInt16(String(decoding: digits, as: UTF16.self), radix: 16) else { throw Malformed() }
        units.append(unit)
      default: units.append(escape)
      }
    }
    return String(decoding: units, as: UTF16.self)
  }
}
