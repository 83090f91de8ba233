/// The bytes of one value in PostgreSQL's binary format; the counterpart of ``BinaryWriter``. Each function gives nil for bytes
/// that are no such value. The bytes must outlive the reader.
struct BinaryReader {
  private let bytes: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> T? {
    guard bytes.count == MemoryLayout<T>.size else { return nil }
    return T(bigEndian: bytes.loadUnaligned(as: T.self))
  }

  func bool() -> Bool? { bytes.count == 1 ? bytes[0] != 0 : nil }
  func text() -> String? { String(validating: bytes, as: UTF8.self) }
  func raw() -> [UInt8]? { Array(bytes) }
  func uuid() -> UInt128? { integer(UInt128.self) }
  func microsecondsSince1970() -> Int64? { integer(Int64.self).flatMap(PostgresTimestamp.microsecondsSince1970(stored:)) }

  /// The document after the version of the format.
  func jsonb() -> String? { bytes.first == 1 ? BinaryReader(UnsafeRawBufferPointer(rebasing: bytes[1...])).text() : nil }

  /// The elements of an array of at most one dimension without NULLs.
  func array<T>(_ read: (borrowing BinaryReader) -> T?) -> [T]? {
    guard let dimensions = int4(at: 0), bytes.count >= 12 else { return nil }
    if dimensions == 0 { return [] }
    guard dimensions == 1, let count = int4(at: 12), count >= 0 else { return nil }
    var elements: [T] = []
    elements.reserveCapacity(min(count, bytes.count / 4))
    var position = 20
    for _ in 0..<count {
      guard let length = int4(at: position), length >= 0, position + 4 + length <= bytes.count else { return nil }
      let element = UnsafeRawBufferPointer(rebasing: bytes[(position + 4)..<(position + 4 + length)])
      guard let value = read(BinaryReader(element)) else { return nil }
      elements.append(value)
      position += 4 + length
    }
    return elements
  }

  private func int4(at position: Int) -> Int? {
    guard position + 4 <= bytes.count else { return nil }
    return Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: Int32.self)))
  }
}
