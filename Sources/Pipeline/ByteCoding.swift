import Ticketing

/// Writes numbers and texts one after the other. All numbers are big-endian, so that a dump can be read by eye.
public struct ByteWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  public mutating func write<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
    // Written where it goes: appending its bytes, as a sequence or one by one, takes several times as long.
    let size = MemoryLayout<Number>.size
    bytes.append(addingCapacity: size) { room in
      room.withUnsafeMutableBufferPointer { room, count in
        UnsafeMutableRawBufferPointer(room).storeBytes(of: value.bigEndian, toByteOffset: count, as: Number.self)
        count += size
      }
    }
  }

  public mutating func write(raw: [UInt8]) { bytes.append(contentsOf: raw) }

  /// A text's bytes, and nothing that says how many they are.
  mutating func write(raw: String) { bytes.append(contentsOf: raw.utf8) }

  /// A UUID as people read it, and nothing before it.
  mutating func write(raw: some Identifier) {
    bytes.append(addingCapacity: 36) { room in
      room.withUnsafeMutableBufferPointer { room, count in
        raw.write(into: UnsafeMutableRawBufferPointer(room))
        count = 36
      }
    }
  }

  /// Bytes preceded by their number, in 4 bytes.
  public mutating func write(counted: [UInt8]) {
    write(UInt32(counted.count))
    bytes.append(contentsOf: counted)
  }

  /// What `body` writes, preceded by its length in bytes, in 4 bytes.
  mutating func writeCounted(_ body: (inout ByteWriter) -> Void) {
    let start = bytes.count
    write(UInt32(0))
    body(&self)
    withUnsafeBytes(of: UInt32(bytes.count - start - 4).bigEndian) { count in
      for (index, byte) in count.enumerated() { bytes[start + index] = byte }
    }
  }

  /// UTF-8 preceded by its length in bytes, in 4 bytes.
  public mutating func write(_ text: String) {
    write(UInt32(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }
}

/// What is wrong with bytes that should have been a message, a record or a decision.
public struct CodingFailure: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Reads what ``ByteWriter`` wrote. It never reads past the end, whatever the bytes say.
public struct ByteReader: Sendable {
  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  /// Reads `bytes`, or the part of it between `start` and `end`.
  public init(_ bytes: [UInt8], from start: Int = 0, to end: Int? = nil) {
    self.bytes = bytes
    position = start
    self.end = end ?? bytes.count
  }

  public var isAtEnd: Bool { position == end }

  public mutating func read<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type = Number.self
  ) throws(CodingFailure) -> Number {
    let start = try skip(MemoryLayout<Number>.size)
    return Number(bigEndian: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start, as: Number.self) })
  }

  /// Bytes preceded by their number.
  public mutating func readCounted() throws(CodingFailure) -> [UInt8] {
    let start = try skip(Int(read(UInt32.self)))
    return Array(bytes[start..<position])
  }

  /// A reader of a counted part, and the part's bytes left where they are.
  public mutating func readPart() throws(CodingFailure) -> ByteReader {
    let start = try skip(Int(read(UInt32.self)))
    return ByteReader(bytes, from: start, to: position)
  }

  public mutating func readText() throws(CodingFailure) -> String {
    let start = try skip(Int(read(UInt32.self)))
    guard let text = String(validating: bytes[start..<position], as: UTF8.self) else {
      throw CodingFailure("a text that is not UTF-8 at byte \(start)")
    }
    return text
  }

  /// All that has not been read yet.
  public var rest: [UInt8] { Array(bytes[position..<end]) }

  public func expectEnd() throws(CodingFailure) {
    guard isAtEnd else { throw CodingFailure("\(end - position) bytes too many") }
  }

  private mutating func skip(_ count: Int) throws(CodingFailure) -> Int {
    guard count <= end - position else {
      throw CodingFailure("the bytes end at \(end), \(count) more were expected at \(position)")
    }
    defer { position += count }
    return position
  }
}
