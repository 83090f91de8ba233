/// Base64 in the alphabet for URLs, without padding (RFC 4648, 5).
enum Base64URL {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  /// Of each letter; ``noLetter`` of what is none.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: noLetter, count: 256)
    for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
    return values
  }()
  /// Its high bit is set, which no value's is: letters put together are wrong if it is set in one of them.
  private static let noLetter: UInt8 = 0xFF

  static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var letters: [UInt8] = []
    letters.reserveCapacity(64)
    var buffer: UInt32 = 0
    var bits = 0
    for byte in bytes {
      buffer = buffer << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        letters.append(alphabet[Int(buffer >> UInt32(bits) & 0x3F)])
      }
    }
    if bits > 0 { letters.append(alphabet[Int(buffer << UInt32(6 - bits) & 0x3F)]) }
    return String(decoding: letters, as: UTF8.self)
  }

  /// How many letters stand for so many bytes.
  static func length(ofBytes count: Int) -> Int { (count * 8 + 5) / 6 }

  /// Fills `bytes`. False for anything but what ``encode(_:)`` gives of so many bytes: each value has one spelling.
  static func decode(_ letters: Slice<UnsafeRawBufferPointer>, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
    guard letters.count == length(ofBytes: bytes.count) else { return false }
    let letters = UnsafeRawBufferPointer(rebasing: letters)
    let rest = letters.count % 4
    return values.withUnsafeBufferPointer { values in
      var all: UInt8 = 0
      func bits(_ position: Int) -> UInt32 {
        let value = values[Int(letters[position])]
        all |= value
        return UInt32(value)
      }
      // Four letters at a time go where their three bytes belong: one by one, they took three times as long.
      var size = 0
      for first in stride(from: 0, to: letters.count - rest, by: 4) {
        let group = bits(first) << 18 | bits(first + 1) << 12 | bits(first + 2) << 6 | bits(first + 3)
        bytes[size] = UInt8(truncatingIfNeeded: group >> 16)
        bytes[size + 1] = UInt8(truncatingIfNeeded: group >> 8)
        bytes[size + 2] = UInt8(truncatingIfNeeded: group)
        size += 3
      }
      guard rest > 0 else { return all & 0x80 == 0 }
      // Two letters and a byte, or three and two; the bits that are left over are zero.
      let first = letters.count - rest
      let group = bits(first) << 18 | bits(first + 1) << 12 | (rest == 3 ? bits(first + 2) << 6 : 0)
      bytes[size] = UInt8(truncatingIfNeeded: group >> 16)
      if rest == 3 { bytes[size + 1] = UInt8(truncatingIfNeeded: group >> 8) }
      return all & 0x80 == 0 && group & (rest == 3 ? 0xFF : 0xFFFF) == 0
    }
  }
}
