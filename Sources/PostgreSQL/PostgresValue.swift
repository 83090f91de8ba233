/// A parameter of a query. It is sent in PostgreSQL's binary format with its type, so the server neither parses nor guesses.
public enum PostgresValue: Sendable, Hashable {
  case bool(Bool)
  case int2(Int16)
  case int4(Int32)
  case int8(Int64)
  /// UTF-8 text. The server refuses a NUL character in it (SQLSTATE 22021).
  case text(String)
  case bytes([UInt8])
  case uuid(UInt128)
  /// A `timestamptz`. The server refuses what is outside 4713 BC to 294276 AD (SQLSTATE 22008).
  case timestamp(microsecondsSince1970: Int64)
  /// The text of a JSON document.
  case jsonb(String)
  /// NULL, as a value of the given type.
  case null(PostgresType)

  // Arrays, of one dimension: for `unnest` and `= ANY`.
  case bools([Bool])
  case int2s([Int16])
  case int4s([Int32])
  case int8s([Int64])
  case texts([String])
  case bytesArray([[UInt8]])
  case uuids([UInt128])
  /// `timestamptz[]`, in microseconds since 1970.
  case timestamps([Int64])

  // Arrays of which elements may be NULL.
  case optionalBools([Bool?])
  case optionalInt2s([Int16?])
  case optionalInt4s([Int32?])
  case optionalInt8s([Int64?])
  case optionalTexts([String?])
  case optionalBytesArray([[UInt8]?])
  case optionalUUIDs([UInt128?])
  /// `timestamptz[]`, in microseconds since 1970.
  case optionalTimestamps([Int64?])

  /// The type as which the value is sent.
  public var type: PostgresType {
    switch self {
    case .bool: .bool
    case .int2: .int2
    case .int4: .int4
    case .int8: .int8
    case .text: .text
    case .bytes: .bytea
    case .uuid: .uuid
    case .timestamp: .timestamptz
    case .jsonb: .jsonb
    case .null(let type): type
    case .bools, .optionalBools: .boolArray
    case .int2s, .optionalInt2s: .int2Array
    case .int4s, .optionalInt4s: .int4Array
    case .int8s, .optionalInt8s: .int8Array
    case .texts, .optionalTexts: .textArray
    case .bytesArray, .optionalBytesArray: .byteaArray
    case .uuids, .optionalUUIDs: .uuidArray
    case .timestamps, .optionalTimestamps: .timestamptzArray
    }
  }
}
