// What a row's column is read as. The optional forms give nil for NULL.

extension PostgresRow {
  public func bool(_ column: Int) throws(PostgresError) -> Bool {
    try decodeNonNull(column, as: .bool) { $0.bool() }
  }

  public func optionalBool(_ column: Int) throws(PostgresError) -> Bool? {
    try decode(column, as: .bool) { $0.bool() }
  }

  public func int2(_ column: Int) throws(PostgresError) -> Int16 {
    try decodeNonNull(column, as: .int2) { $0.integer(Int16.self) }
  }

  public func optionalInt2(_ column: Int) throws(PostgresError) -> Int16? {
    try decode(column, as: .int2) { $0.integer(Int16.self) }
  }

  public func int4(_ column: Int) throws(PostgresError) -> Int32 {
    try decodeNonNull(column, as: .int4) { $0.integer(Int32.self) }
  }

  public func optionalInt4(_ column: Int) throws(PostgresError) -> Int32? {
    try decode(column, as: .int4) { $0.integer(Int32.self) }
  }

  public func int8(_ column: Int) throws(PostgresError) -> Int64 {
    try decodeNonNull(column, as: .int8) { $0.integer(Int64.self) }
  }

  public func optionalInt8(_ column: Int) throws(PostgresError) -> Int64? {
    try decode(column, as: .int8) { $0.integer(Int64.self) }
  }

  /// Text, or what a `varchar`, `char(n)`, `name` or `json` column holds; cast an enum to `text`.
  public func text(_ column: Int) throws(PostgresError) -> String {
    try decodeNonNull(column, as: .text) { $0.text() }
  }

  public func optionalText(_ column: Int) throws(PostgresError) -> String? {
    try decode(column, as: .text) { $0.text() }
  }

  public func bytes(_ column: Int) throws(PostgresError) -> [UInt8] {
    try decodeNonNull(column, as: .bytea) { $0.raw() }
  }

  public func optionalBytes(_ column: Int) throws(PostgresError) -> [UInt8]? {
    try decode(column, as: .bytea) { $0.raw() }
  }

  public func uuid(_ column: Int) throws(PostgresError) -> UInt128 {
    try decodeNonNull(column, as: .uuid) { $0.uuid() }
  }

  public func optionalUUID(_ column: Int) throws(PostgresError) -> UInt128? {
    try decode(column, as: .uuid) { $0.uuid() }
  }

  /// A `timestamptz`, in microseconds since 1970. Infinity is an error.
  public func timestamp(_ column: Int) throws(PostgresError) -> Int64 {
    try decodeNonNull(column, as: .timestamptz) { $0.microsecondsSince1970() }
  }

  public func optionalTimestamp(_ column: Int) throws(PostgresError) -> Int64? {
    try decode(column, as: .timestamptz) { $0.microsecondsSince1970() }
  }

  /// The text of a JSON document.
  public func jsonb(_ column: Int) throws(PostgresError) -> String {
    try decodeNonNull(column, as: .jsonb) { $0.jsonb() }
  }

  public func optionalJSONB(_ column: Int) throws(PostgresError) -> String? {
    try decode(column, as: .jsonb) { $0.jsonb() }
  }
}

/// Arrays of one dimension. NULL among the elements is an error.
extension PostgresRow {
  public func bools(_ column: Int) throws(PostgresError) -> [Bool] {
    try decodeNonNull(column, as: .boolArray) { $0.array { $0.bool() } }
  }

  public func optionalBools(_ column: Int) throws(PostgresError) -> [Bool]? {
    try decode(column, as: .boolArray) { $0.array { $0.bool() } }
  }

  public func int2s(_ column: Int) throws(PostgresError) -> [Int16] {
    try decodeNonNull(column, as: .int2Array) { $0.array { $0.integer(Int16.self) } }
  }

  public func optionalInt2s(_ column: Int) throws(PostgresError) -> [Int16]? {
    try decode(column, as: .int2Array) { $0.array { $0.integer(Int16.self) } }
  }

  public func int4s(_ column: Int) throws(PostgresError) -> [Int32] {
    try decodeNonNull(column, as: .int4Array) { $0.array { $0.integer(Int32.self) } }
  }

  public func optionalInt4s(_ column: Int) throws(PostgresError) -> [Int32]? {
    try decode(column, as: .int4Array) { $0.array { $0.integer(Int32.self) } }
  }

  public func int8s(_ column: Int) throws(PostgresError) -> [Int64] {
    try decodeNonNull(column, as: .int8Array) { $0.array { $0.integer(Int64.self) } }
  }

  public func optionalInt8s(_ column: Int) throws(PostgresError) -> [Int64]? {
    try decode(column, as: .int8Array) { $0.array { $0.integer(Int64.self) } }
  }

  public func texts(_ column: Int) throws(PostgresError) -> [String] {
    try decodeNonNull(column, as: .textArray) { $0.array { $0.text() } }
  }

  public func optionalTexts(_ column: Int) throws(PostgresError) -> [String]? {
    try decode(column, as: .textArray) { $0.array { $0.text() } }
  }

  public func bytesArray(_ column: Int) throws(PostgresError) -> [[UInt8]] {
    try decodeNonNull(column, as: .byteaArray) { $0.array { $0.raw() } }
  }

  public func optionalBytesArray(_ column: Int) throws(PostgresError) -> [[UInt8]]? {
    try decode(column, as: .byteaArray) { $0.array { $0.raw() } }
  }

  public func uuids(_ column: Int) throws(PostgresError) -> [UInt128] {
    try decodeNonNull(column, as: .uuidArray) { $0.array { $0.uuid() } }
  }

  public func optionalUUIDs(_ column: Int) throws(PostgresError) -> [UInt128]? {
    try decode(column, as: .uuidArray) { $0.array { $0.uuid() } }
  }

  /// `timestamptz[]`, in microseconds since 1970.
  public func timestamps(_ column: Int) throws(PostgresError) -> [Int64] {
    try decodeNonNull(column, as: .timestamptzArray) { $0.array { $0.microsecondsSince1970() } }
  }

  public func optionalTimestamps(_ column: Int) throws(PostgresError) -> [Int64]? {
    try decode(column, as: .timestamptzArray) { $0.array { $0.microsecondsSince1970() } }
  }
}
