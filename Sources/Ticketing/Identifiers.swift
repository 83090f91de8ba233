/// 16 bytes that name something: a UUID, kept as a number so that comparing and hashing it is cheap.
public protocol Identifier: Hashable, Comparable, Sendable, CustomStringConvertible {
  init(_ rawValue: UInt128)
  /// The UUID's bytes as a big-endian number.
  var rawValue: UInt128 { get }
}

extension Identifier {
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The UUID in its canonical form: lower-case hexadecimal in groups of 8, 4, 4, 4 and 12.
  public var description: String {
    withUnsafeBytes(of: rawValue.bigEndian) { bytes in
      String(unsafeUninitializedCapacity: 36) { text in
        var position = 0
        for (index, byte) in bytes.enumerated() {
          if index == 4 || index == 6 || index == 8 || index == 10 {
            text[position] = UInt8(ascii: "-")
            position += 1
          }
          text[position] = hexadecimalDigit(byte >> 4)
          text[position + 1] = hexadecimalDigit(byte & 0xF)
          position += 2
        }
        return position
      }
    }
  }

  /// Reads a UUID in its canonical form, in either case; `nil` for anything else.
  // Inlinable, so that it is compiled for the text at hand, whose bytes are read where they lie: taken one by one through a generic's
  // interface, they took 2 % of a gateway's time.
  @inlinable
  public init?(_ text: some StringProtocol) {
    guard let value = text.utf8.withContiguousStorageIfAvailable(uuid(in:)) ?? Array(text.utf8).withUnsafeBufferPointer(uuid(in:))
    else { return nil }
    self.init(value)
  }
}

private func hexadecimalDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

@usableFromInline func uuid(in text: UnsafeBufferPointer<UInt8>) -> UInt128? {
  guard text.count == 36 else { return nil }
  var halves: (high: UInt64, low: UInt64) = (0, 0)
  for position in 0..<36 {
    let byte = text[position]
    if position == 8 || position == 13 || position == 18 || position == 23 {
      guard byte == UInt8(ascii: "-") else { return nil }
      continue
    }
    let digit: UInt8
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
    default: return nil
    }
    // The third group ends the number's upper half.
    if position < 18 { halves.high = halves.high << 4 | UInt64(digit) } else { halves.low = halves.low << 4 | UInt64(digit) }
  }
  return UInt128(halves.high) << 64 | UInt128(halves.low)
}

/// Names an event.
public struct EventID: Identifier {
  public let rawValue: UInt128
  public init(_ rawValue: UInt128) { self.rawValue = rawValue }
}

/// Names a reservation, for good: it is derived from who asked, for what and under which idempotency key.
public struct ReservationID: Identifier {
  public let rawValue: UInt128
  public init(_ rawValue: UInt128) { self.rawValue = rawValue }
}

/// Names a customer.
public struct CustomerID: Identifier {
  public let rawValue: UInt128
  public init(_ rawValue: UInt128) { self.rawValue = rawValue }
}

/// Names a command. A command that arrives twice has one name, and is decided once.
public struct CommandID: Identifier {
  public let rawValue: UInt128
  public init(_ rawValue: UInt128) { self.rawValue = rawValue }
}
