/// The words of commands, written one after the other in the way that they are sent: the size of each, its bytes, and an end of line
/// behind either.
public struct RedisWords: Sendable {
  private(set) var bytes: [UInt8] = []
  /// How many words the last command still has to get.
  private var missing = 0

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  /// Appends a text, as UTF-8.
  public mutating func append(_ text: String) {
    let isWritten: Void? = text.utf8.withContiguousStorageIfAvailable { append(UnsafeRawBufferPointer($0)) }
    if isWritten == nil { append(Array(text.utf8)) }
  }

  /// Appends bytes as they are.
  public mutating func append(_ value: [UInt8]) {
    value.withUnsafeBytes { append($0) }
  }

  /// Appends a number, in decimal.
  public mutating func append(_ number: Int64) {
    let isNegative = number < 0
    let digits = digitCount(number.magnitude)
    append(size: digits + (isNegative ? 1 : 0)) { (cursor: inout Cursor) in
      if isNegative { cursor.write(UInt8(ascii: "-")) }
      cursor.write(number.magnitude, digits: digits)
    }
  }

  /// Appends a word of so many bytes, each of which `write` has to write.
  public mutating func append(size: Int, _ write: (UnsafeMutableRawBufferPointer) -> Void) {
    append(size: size) { (cursor: inout Cursor) in
      write(UnsafeMutableRawBufferPointer(start: cursor.position, count: size))
      cursor.position += size
    }
  }

  mutating func append(argument: RedisArgument) {
    switch argument {
    case .string(let text): append(text)
    case .bytes(let bytes): append(bytes)
    case .integer(let number): append(number)
    case .double(let number): append(String(number))
    }
  }

  /// Begins a command of so many words besides its name.
  mutating func begin(_ name: String, argumentCount: Int) {
    missing = 1 + argumentCount
    write(atMost: Cursor.lengthSize) { $0.write(length: 1 + argumentCount, marker: UInt8(ascii: "*")) }
    append(name)
  }

  /// Ends the command. The server would take the next one's words for those that this one lacks.
  func end() {
    precondition(missing == 0, "a command has \(missing) words fewer than it was to have")
  }

  private mutating func append(_ value: UnsafeRawBufferPointer) {
    append(size: value.count) { (cursor: inout Cursor) in cursor.write(value) }
  }

  // These two are part of each kind of word, so that one look at the room is all that a word costs besides its bytes: a request's
  // commands have dozens of words.

  @inline(__always)
  private mutating func append(size: Int, _ write: (inout Cursor) -> Void) {
    missing -= 1
    self.write(atMost: Cursor.lengthSize + size + 2) { cursor in
      cursor.write(length: size, marker: UInt8(ascii: "$"))
      write(&cursor)
      cursor.writeLineEnd()
    }
  }

  @inline(__always)
  private mutating func write(atMost size: Int, _ write: (inout Cursor) -> Void) {
    bytes.append(addingCapacity: size) { room in
      room.withUnsafeMutableBufferPointer { room, count in
        let start = UnsafeMutableRawPointer(room.baseAddress! + count)
        var cursor = Cursor(position: start)
        write(&cursor)
        count += cursor.position - start
      }
    }
  }
}

/// Where the next byte goes. There is room for it: whoever makes one has seen to that.
private struct Cursor {
  /// What a marker, a number and the end of their line take at most.
  static let lengthSize = 1 + 20 + 2

  var position: UnsafeMutableRawPointer

  mutating func write(_ byte: UInt8) {
    position.storeBytes(of: byte, as: UInt8.self)
    position += 1
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    position.copyMemory(from: start, byteCount: bytes.count)
    position += bytes.count
  }

  mutating func write(_ number: UInt64, digits: Int) {
    let end = position + digits
    var (digit, rest) = (end, number)
    while digit > position {
      digit -= 1
      digit.storeBytes(of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), as: UInt8.self)
      rest /= 10
    }
    position = end
  }

  mutating func write(length: Int, marker: UInt8) {
    write(marker)
    write(UInt64(length), digits: digitCount(UInt64(length)))
    writeLineEnd()
  }

  mutating func writeLineEnd() {
    write(UInt8(ascii: "\r"))
    write(UInt8(ascii: "\n"))
  }
}

private func digitCount(_ number: UInt64) -> Int {
  var (count, rest) = (1, number)
  while rest >= 10 {
    rest /= 10
    count += 1
  }
  return count
}
