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
    String(unsafeUninitializedCapacity: 36) { buffer in
      var position = 0
      for nibble in 0..<32 {
        if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
          buffer[position] = UInt8(ascii: "-")
          position += 1
        }
        let digit = UInt8(truncatingIfNeeded: rawValue >> (4 * (31 - nibble))) & 0xF
        buffer[position] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        position += 1
      }
      return 36
    }
  }

  /// Reads a UUID in its canonical form, in either case; `nil` for anything else.
  // Inlinable, so that it is compiled for the text at hand: unspecialised it took 2 % of a gateway's time.
  @inlinable
  public init?(_ text: some StringProtocol) {
    var value: UInt128 = 0
    var position = 0
    for byte in text.utf8 {
      if position == 8 || position == 13 || position == 18 || position == 23 {
        guard byte == UInt8(ascii: "-") else { return nil }
      } else {
        let digit: UInt8
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
        default: return nil
        }
        value = value << 4 | UInt128(digit)
      }
      position += 1
      if position > 36 { return nil }
    }
    guard position == 36 else { return nil }
    self.init(value)
  }
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
