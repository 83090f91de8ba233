import Ticketing

/// Room that was made for a part of a text, and is filled from the front. Whoever made it knew how much goes in at most: asked anew
/// for each byte and each little text, that was most of what a response cost.
struct TextRoom {
  /// Where the next byte goes.
  private(set) var next: UnsafeMutablePointer<UInt8>

  /// A sign and 19 digits.
  static let longestInteger = 20
  static let longestIdentifier = 36
  /// `2030-06-01T18:00:00.000Z`.
  static let longestTime = 24

  init(_ start: UnsafeMutablePointer<UInt8>) { next = start }

  mutating func write(_ byte: UInt8) {
    next.pointee = byte
    next += 1
  }

  mutating func write(_ text: UnsafeBufferPointer<UInt8>) {
    guard let start = text.baseAddress else { return }
    UnsafeMutableRawPointer(next).copyMemory(from: start, byteCount: text.count)
    next += text.count
  }

  mutating func write(_ text: StaticString) { text.withUTF8Buffer { write($0) } }

  // MARK: Strings

  /// How long a string of so many bytes gets at most. One that is not plain may be nothing but `\u001f`.
  static func longestString(of count: Int, isPlain: Bool) -> Int { (isPlain ? count : count * 6) + 2 }

  mutating func write(string text: UnsafeBufferPointer<UInt8>, isPlain: Bool) {
    write(UInt8(ascii: "\""))
    if isPlain {
      write(text)
    } else {
      for byte in text { if byte.isPlainInJSON { write(byte) } else { write(escapeOf: byte) } }
    }
    write(UInt8(ascii: "\""))
  }

  private mutating func write(escapeOf byte: UInt8) {
    switch byte {
    case 0x0A: write("\\n")
    case 0x0D: write("\\r")
    case 0x09: write("\\t")
    case 0..<0x20:
      write("\\u00")
      write(byte < 16 ? "0" : "1")
      write(hexadecimal[Int(byte & 15)])
    default:
      write(UInt8(ascii: "\\"))
      write(byte)
    }
  }

  mutating func write(_ id: some Identifier) {
    id.write(into: UnsafeMutableRawBufferPointer(start: next, count: Self.longestIdentifier))
    next += Self.longestIdentifier
  }

  // MARK: Numbers

  mutating func write(_ value: Int64) {
    if value < 0 { write(UInt8(ascii: "-")) }
    write(value.magnitude)
  }

  /// A number of at most 19 digits, as many as are written; all that is shown has fewer.
  mutating func write(_ value: UInt64) {
    var (digits, bound) = (1, 10 as UInt64)
    while value >= bound, digits < 19 { (digits, bound) = (digits + 1, bound * 10) }
    write(value, digits: digits)
  }

  /// The last digits of a number, zeros before it if it has fewer.
  mutating func write(_ value: UInt64, digits: Int) {
    var rest = value
    for index in stride(from: digits - 1, through: 0, by: -1) {
      next[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    next += digits
  }

  /// A number with a point and at least one decimal, as a double's description.
  mutating func write(thousandths: UInt64) {
    write(thousandths / 1000)
    write(UInt8(ascii: "."))
    let decimals = thousandths % 1000
    if decimals % 100 == 0 {
      write(decimals / 100, digits: 1)
    } else if decimals % 10 == 0 {
      write(decimals / 10, digits: 2)
    } else {
      write(decimals, digits: 3)
    }
  }

  /// The last two digits of a number.
  mutating func write(twoDigits value: UInt32) {
    next[0] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10 % 10)
    next[1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
    next += 2
  }
}

extension [UInt8] {
  /// Makes room once for all that `write` puts there. Inlined, and with it `write`: as a closure it would keep its text in memory.
  @inline(__always)
  mutating func append(room: Int, _ write: (inout TextRoom) -> Void) {
    append(addingCapacity: room) { room in
      room.withUnsafeMutableBufferPointer { room, count in
        guard let start = room.baseAddress else { return }
        var text = TextRoom(start)
        write(&text)
        // If that were more than there is room for, the process would be stopped here.
        count = text.next - start
      }
    }
  }
}

private let hexadecimal = Array("0123456789abcdef".utf8)
