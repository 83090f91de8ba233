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
      write(into: UnsafeMutableRawBufferPointer(text))
      return 36
    }
  }

  /// Writes ``description`` to the first 36 bytes of `text`: for texts that are put together as bytes. A string of its own is allocated,
  /// looked through for what is no UTF-8, copied and freed, which is six times the work.
  @inlinable
  public func write(into text: UnsafeMutableRawBufferPointer) { Ticketing.write(uuid: rawValue, into: text) }

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

@usableFromInline func write(uuid: UInt128, into text: UnsafeMutableRawBufferPointer) {
  precondition(text.count >= 36, "room for a UUID's text")
  let (first, second) = (hexadecimal(uuid >> 96), hexadecimal(uuid >> 64))
  let (third, fourth) = (hexadecimal(uuid >> 32), hexadecimal(uuid))
  text.storeBytes(of: first.bigEndian, as: UInt64.self)
  text.storeBytes(of: UInt32(second >> 32).bigEndian, toByteOffset: 9, as: UInt32.self)
  text.storeBytes(of: UInt32(truncatingIfNeeded: second).bigEndian, toByteOffset: 14, as: UInt32.self)
  text.storeBytes(of: UInt32(third >> 32).bigEndian, toByteOffset: 19, as: UInt32.self)
  text.storeBytes(of: UInt32(truncatingIfNeeded: third).bigEndian, toByteOffset: 24, as: UInt32.self)
  text.storeBytes(of: fourth.bigEndian, toByteOffset: 28, as: UInt64.self)
  for dash in dashes { text[dash] = UInt8(ascii: "-") }
}

@usableFromInline func uuid(in text: UnsafeBufferPointer<UInt8>) -> UInt128? {
  guard text.count == 36, dashes.allSatisfy({ text[$0] == UInt8(ascii: "-") }) else { return nil }
  let text = UnsafeRawBufferPointer(text)
  func digits(at position: Int) -> UInt64 {
    UInt64(UInt32(bigEndian: text.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
  }
  guard let first = number(UInt64(bigEndian: text.loadUnaligned(as: UInt64.self))),
    let second = number(digits(at: 9) << 32 | digits(at: 14)),
    let third = number(digits(at: 19) << 32 | digits(at: 24)),
    let fourth = number(UInt64(bigEndian: text.loadUnaligned(fromByteOffset: 28, as: UInt64.self)))
  else { return nil }
  return UInt128(first << 32 | second) << 64 | UInt128(third << 32 | fourth)
}

/// Where the dashes of a UUID's text are.
private let dashes = [8, 13, 18, 23]

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

/// The number that eight hexadecimal digits, a byte each, stand for; nil if one is no digit. The way back from `hexadecimal(_:)`, and all
/// at once as well: digit by digit took more than twice as long.
private func number(_ digits: UInt64) -> UInt64? {
  let highBits = 0x8080_8080_8080_8080 as UInt64
  guard digits & highBits == 0 else { return nil }
  // To a byte of less than 128, 128 - n is added: its high bit is set if it is n at least, and nothing runs over into the next.
  func atLeast(_ letter: UInt8, _ bytes: UInt64) -> UInt64 { bytes + UInt64(128 - letter) * 0x0101_0101_0101_0101 }
  let small = digits | 0x2020_2020_2020_2020
  let isNumeral = atLeast(UInt8(ascii: "0"), digits) & ~atLeast(UInt8(ascii: "9") + 1, digits)
  let isLetter = atLeast(UInt8(ascii: "a"), small) & ~atLeast(UInt8(ascii: "f") + 1, small) & highBits
  guard (isNumeral | isLetter) & highBits == highBits else { return nil }
  // The low half of `a` is 1.
  var number = (digits & 0x0F0F_0F0F_0F0F_0F0F) + (isLetter >> 7) * 9
  number = (number | number >> 4) & 0x00FF_00FF_00FF_00FF
  number = (number | number >> 8) & 0x0000_FFFF_0000_FFFF
  return (number | number >> 16) & 0xFFFF_FFFF
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
