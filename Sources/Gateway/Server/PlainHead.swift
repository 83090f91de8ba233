import Glibc
import NIOHTTP1

/// Reads the head of a request as nearly all of them are, in one pass over its bytes. NIO's parser makes a text of each name and value
/// and calls back for each; with it, the same took a sixth of an event loop's time.
///
/// What is not as plain as that is left to NIO's parser: whatever has to do with the framing of the body besides one length, or with the
/// connection, and every character that clients have no reason to send. So there is one answer to the question what a request is, that
/// parser's, and this reads the same where it reads at all.
package struct PlainHead: Equatable {
  package enum Reading: Equatable {
    case head(PlainHead)
    /// More of it must come.
    case incomplete
    case notPlain
  }

  /// Nearly all are less than a quarter of it.
  static let maximumBytes = 4096

  var head: RequestHead
  /// How long it was, with the empty line behind it.
  var bytes: Int
  /// How long the body is.
  var bodyBytes: Int

  /// Reads the head that the bytes begin with.
  package static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
    var reader = Reader(UnsafeRawBufferPointer(rebasing: bytes.prefix(maximumBytes)))
    do throws(Reader.End) {
      return .head(try reader.head())
    } catch {
      return error == .ofBytes && bytes.count < maximumBytes ? .incomplete : .notPlain
    }
  }
}

/// What has been read of a head's bytes.
private struct Reader {
  enum End: Error {
    case ofBytes, ofPlainness
  }

  private static let methods: [(StaticString, HTTPMethod)] = [
    ("GET ", .GET), ("POST ", .POST), ("HEAD ", .HEAD), ("DELETE ", .DELETE),
  ]

  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func head() throws(End) -> PlainHead {
    let method = try method()
    let target = try target()
    try take("HTTP/1.1\r\n")
    var (fields, count, bodyBytes) = (HeaderFields(), 0, 0)
    while try peek() != UInt8(ascii: "\r") {
      count += 1
      if count > Limits.headerFields { throw .ofPlainness }
      let name = try name()
      let value = try value()
      if HeaderFields.isSame("content-length", name) {
        // One, and in digits.
        guard fields.contentLength == nil, let length = Self.number(value) else { throw .ofPlainness }
        bodyBytes = length
      } else if Self.isOfConnection(name), !HeaderFields.isSame("connection", name) || !HeaderFields.isSame("keep-alive", value) {
        throw .ofPlainness
      }
      fields.add(name, value)
    }
    try take("\r\n")
    let head = RequestHead(method: method, target: target, version: .http1_1, fields: fields, isKeepAlive: true)
    return PlainHead(head: head, bytes: position, bodyBytes: bodyBytes)
  }

  private func peek() throws(End) -> UInt8 {
    guard position < bytes.count else { throw .ofBytes }
    return bytes[position]
  }

  private mutating func take(_ text: StaticString) throws(End) {
    let count = min(text.utf8CodeUnitCount, bytes.count - position)
    guard let start = bytes.baseAddress, memcmp(start + position, text.utf8Start, count) == 0 else { throw .ofPlainness }
    if count < text.utf8CodeUnitCount { throw .ofBytes }
    position += count
  }

  /// Takes all bytes of a kind that come next; there must be another one behind them.
  @inline(__always)
  private mutating func take(all isOfKind: (UInt8) -> Bool) throws(End) -> UnsafeRawBufferPointer {
    let start = position
    var end = start
    while end < bytes.count, isOfKind(bytes[end]) { end += 1 }
    if end == bytes.count { throw .ofBytes }
    position = end
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }

  private mutating func method() throws(End) -> HTTPMethod {
    let first = try peek()
    for (text, method) in Self.methods where text.utf8Start[0] == first {
      try take(text)
      return method
    }
    throw .ofPlainness
  }

  private mutating func target() throws(End) -> String {
    if try peek() != UInt8(ascii: "/") { throw .ofPlainness }
    let target = String(decoding: try take(all: Self.isOfTarget), as: UTF8.self)
    try take(" ")
    return target
  }

  private mutating func name() throws(End) -> UnsafeRawBufferPointer {
    let name = try take(all: Self.isOfName)
    if name.isEmpty { throw .ofPlainness }
    try take(":")
    return name
  }

  /// A field's value without the white space before it; the end of its line is taken, too.
  private mutating func value() throws(End) -> UnsafeRawBufferPointer {
    _ = try take(all: Self.isBlank)
    let start = position
    // Eight at once: values are long.
    while position + 8 <= bytes.count, Self.areOfValue(bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)) {
      position += 8
    }
    _ = try take(all: Self.isOfValue)
    let value = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    try take("\r\n")
    return value
  }

  /// Whether the field says how the body is framed or what becomes of the connection.
  private static func isOfConnection(_ name: UnsafeRawBufferPointer) -> Bool {
    switch name.count {
    case 7: HeaderFields.isSame("upgrade", name)
    case 10: HeaderFields.isSame("connection", name)
    case 16: HeaderFields.isSame("proxy-connection", name)
    case 17: HeaderFields.isSame("transfer-encoding", name)
    default: false
    }
  }

  private static func number(_ digits: UnsafeRawBufferPointer) -> Int? {
    guard (1...9).contains(digits.count), digits.allSatisfy(isDigit) else { return nil }
    return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
  private static func isLetterOrDigit(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 || isDigit(byte) }
  private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
  private static func isOfName(_ byte: UInt8) -> Bool {
    isLetterOrDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
  }
  private static func isOfValue(_ byte: UInt8) -> Bool { byte &- 0x20 < 0x5F || byte == UInt8(ascii: "\t") }
  /// Whether all eight bytes are from 0x20 to 0x7E. Each of the three would otherwise set the highest bit of at least one: bytes from 0x80
  /// have it set, those below 0x20 get it by the subtraction, 0x7F by the addition.
  private static func areOfValue(_ bytes: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    return (bytes | (bytes &- ones &* 0x20) | (bytes &+ ones)) & (ones &* 0x80) == 0
  }

  private static func isOfTarget(_ byte: UInt8) -> Bool {
    if isLetterOrDigit(byte) { return true }
    return switch byte {
    case UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "="), UInt8(ascii: "&"), UInt8(ascii: "_"),
      UInt8(ascii: "."), UInt8(ascii: "%"), UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ":"):
      true
    default: false
    }
  }
}
