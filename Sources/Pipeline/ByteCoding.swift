import Ticketing

/// Writes numbers and texts one after the other. All numbers are big-endian, so that a dump can be read by eye.
///
/// Into memory of its own, of which an array is made at the end: to append to an array costs several times as much as what is written.
public struct ByteWriter: ~Copyable {
  private var start: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var count = 0

  /// - Parameter capacity: for how many bytes there is room at first.
  public init(capacity: Int = 64) {
    self.capacity = max(1, capacity)
    start = .allocate(capacity: self.capacity)
  }

  deinit { start.deallocate() }

  /// What was written, as a copy.
  public var bytes: [UInt8] { withBytes { Array($0) } }

  /// Calls `body` with what was written, where it lies.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    body(UnsafeRawBufferPointer(start: start, count: count))
  }

  public mutating func write<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
    room(MemoryLayout<Number>.size).storeBytes(of: value.bigEndian, as: Number.self)
  }

  public mutating func write(raw: [UInt8]) { raw.withUnsafeBytes { write(raw: $0) } }

  /// A text's bytes, and nothing that says how many they are.
  mutating func write(raw text: String) {
    var text = text
    text.withUTF8 { write(raw: UnsafeRawBufferPointer($0)) }
  }

  private mutating func write(raw: UnsafeRawBufferPointer) {
    guard let first = raw.baseAddress else { return }
    room(raw.count).copyMemory(from: first, byteCount: raw.count)
  }

  /// A UUID as people read it, and nothing before it.
  mutating func write(raw id: some Identifier) { id.write(into: UnsafeMutableRawBufferPointer(start: room(36), count: 36)) }

  /// Bytes preceded by their number, in 4 bytes.
  public mutating func write(counted: [UInt8]) {
    write(UInt32(counted.count))
    write(raw: counted)
  }

  /// What `body` writes, preceded by its length in bytes, in 4 bytes.
  mutating func writeCounted(_ body: (inout ByteWriter) -> Void) {
    let before = count
    write(UInt32(0))
    body(&self)
    UnsafeMutableRawPointer(start + before).storeBytes(of: UInt32(count - before - 4).bigEndian, as: UInt32.self)
  }

  /// UTF-8 preceded by its length in bytes, in 4 bytes.
  public mutating func write(_ text: String) {
    write(UInt32(text.utf8.count))
    write(raw: text)
  }

  /// Where the next so many bytes go.
  @inline(__always)
  private mutating func room(_ size: Int) -> UnsafeMutableRawPointer {
    if size > capacity - count { grow(by: size) }
    defer { count += size }
    return UnsafeMutableRawPointer(start + count)
  }

  private mutating func grow(by size: Int) {
    capacity = max(capacity * 2, count + size)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.initialize(from: start, count: count)
    start.deallocate()
    start = larger
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
