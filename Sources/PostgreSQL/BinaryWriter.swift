/// Values in PostgreSQL's binary format, as the types' `…send` functions in the server define it: integers in network order,
/// timestamps as microseconds since 2000, arrays with a header and a length before each element.
struct BinaryWriter {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ integer: some FixedWidthInteger) {
    withUnsafeBytes(of: integer.bigEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ bool: Bool) { bytes.append(bool ? 1 : 0) }
  mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
  mutating func append(_ raw: [UInt8]) { bytes.append(contentsOf: raw) }

  mutating func append(microsecondsSince1970: Int64) {
    append(PostgresTimestamp.stored(microsecondsSince1970: microsecondsSince1970))
  }

  /// Appends the value's own bytes. Nothing for NULL, which has no bytes in any format.
  mutating func append(_ value: PostgresValue) {
    switch value {
    case .bool(let value): append(value)
    case .int2(let value): append(value)
    case .int4(let value): append(value)
    case .int8(let value): append(value)
    case .text(let value): append(value)
    case .bytes(let value): append(value)
    case .uuid(let value): append(value)
    case .timestamp(let microseconds): append(microsecondsSince1970: microseconds)
    case .jsonb(let document):
      bytes.append(1)  // the version of jsonb's binary format
      append(document)
    case .null: break
    case .bools(let values): appendArray(of: .bool, values) { $0.append($1) }
    case .int2s(let values): appendArray(of: .int2, values) { $0.append($1) }
    case .int4s(let values): appendArray(of: .int4, values) { $0.append($1) }
    case .int8s(let values): appendArray(of: .int8, values) { $0.append($1) }
    case .texts(let values): appendArray(of: .text, values) { $0.append($1) }
    case .bytesArray(let values): appendArray(of: .bytea, values) { $0.append($1) }
    case .uuids(let values): appendArray(of: .uuid, values) { $0.append($1) }
    case .timestamps(let values): appendArray(of: .timestamptz, values) { $0.append(microsecondsSince1970: $1) }
    case .optionalBools(let values): appendArray(of: .bool, optional: values) { $0.append($1) }
    case .optionalInt2s(let values): appendArray(of: .int2, optional: values) { $0.append($1) }
    case .optionalInt4s(let values): appendArray(of: .int4, optional: values) { $0.append($1) }
    case .optionalInt8s(let values): appendArray(of: .int8, optional: values) { $0.append($1) }
    case .optionalTexts(let values): appendArray(of: .text, optional: values) { $0.append($1) }
    case .optionalBytesArray(let values): appendArray(of: .bytea, optional: values) { $0.append($1) }
    case .optionalUUIDs(let values): appendArray(of: .uuid, optional: values) { $0.append($1) }
    case .optionalTimestamps(let values):
      appendArray(of: .timestamptz, optional: values) { $0.append(microsecondsSince1970: $1) }
    }
  }

  private mutating func appendArray<T>(of type: PostgresType, _ values: [T], _ append: (inout Self, T) -> Void) {
    appendArrayHeader(of: type, count: values.count, hasNulls: false)
    for value in values { appendElement { append(&$0, value) } }
  }

  private mutating func appendArray<T>(of type: PostgresType, optional values: [T?], _ append: (inout Self, T) -> Void) {
    appendArrayHeader(of: type, count: values.count, hasNulls: true)
    for value in values {
      if let value { appendElement { append(&$0, value) } } else { self.append(Int32(-1)) }
    }
  }

  private mutating func appendArrayHeader(of type: PostgresType, count: Int, hasNulls: Bool) {
    append(Int32(count == 0 ? 0 : 1))  // dimensions: an empty array has none
    append(Int32(hasNulls ? 1 : 0))
    append(type.rawValue)
    guard count > 0 else { return }
    append(Int32(count))
    append(Int32(1))  // the index of the first element
  }

  /// Appends what `write` writes, and before it its length, which is known only afterwards.
  private mutating func appendElement(_ write: (inout Self) -> Void) {
    let start = bytes.count
    append(Int32(0))
    write(&self)
    withUnsafeBytes(of: Int32(bytes.count - start - 4).bigEndian) { length in
      for offset in 0..<4 { bytes[start + offset] = length[offset] }
    }
  }
}

/// The two countings of microseconds: Swift's callers count from 1970, PostgreSQL from 2000.
enum PostgresTimestamp {
  private static let year2000: Int64 = 946_684_800_000_000

  /// Too early a time becomes the earliest finite number, which the server refuses as out of range: the one below it would mean
  /// `-infinity`.
  static func stored(microsecondsSince1970: Int64) -> Int64 {
    let (stored, overflow) = microsecondsSince1970.subtractingReportingOverflow(year2000)
    return overflow ? .min + 1 : max(stored, .min + 1)
  }

  /// Nil for `infinity` and `-infinity`, and for the last decades of PostgreSQL's range, which do not fit.
  static func microsecondsSince1970(stored: Int64) -> Int64? {
    guard stored != .min, stored != .max else { return nil }
    let (microseconds, overflow) = stored.addingReportingOverflow(year2000)
    return overflow ? nil : microseconds
  }
}
