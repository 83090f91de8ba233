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
    String(unsafeUninitializedCapacity: 36) { text in
      let text = UnsafeMutableRawBufferPointer(text)
      let digits = (rawValue >> 96, rawValue >> 64, rawValue >> 32, rawValue)
      let (first, second) = (hexadecimal(digits.0), hexadecimal(digits.1))
      let (third, fourth) = (hexadecimal(digits.2), hexadecimal(digits.3))
      text.storeBytes(of: first.bigEndian, as: UInt64.self)
      text.storeBytes(of: UInt32(second >> 32).bigEndian, toByteOffset: 9, as: UInt32.self)
      text.storeBytes(of: UInt32(truncatingIfNeeded: second).bigEndian, toByteOffset: 14, as: UInt32.self)
      text.storeBytes(of: UInt32(third >> 32).bigEndian, toByteOffset: 19, as: UInt32.self)
      text.storeBytes(of: UInt32(truncatingIfNeeded: third).bigEndian, toByteOffset: 24, as: UInt32.self)
      text.storeBytes(of: fourth.bigEndian, toByteOffset: 28, as: UInt64.self)
      for dash in [8, 13, 18, 23] { text[dash] = UInt8(ascii: "-") }
      return 36
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

/// The eight hexadecimal digits of a number's low 32 bits, a byte each. All at once: names are written many times on a request's way, and
/// digit by digit each took half as many instructions more.
private func hexadecimal(_ number: UInt128) -> UInt64 {
  var digits = UInt64(truncatingIfNeeded: number) & 0xFFFF_FFFF
  digits = (digits | digits << 16) & 0x0000_FFFF_0000_FFFF
  digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF
  digits = (digits | digits << 4) & 0x0F0F_0F0F_0F0F_0F0F
  // 1 where a digit is a letter: with 6 more it runs over into the upper half of its byte.
  let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
  let fromZeroToLetter = UInt64(UInt8(ascii: "a") - UInt8(ascii: "0") - 10)
  return digits + 0x3030_3030_3030_3030 + letters * fromZeroToLetter
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
