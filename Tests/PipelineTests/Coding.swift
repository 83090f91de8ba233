import Pipeline

/// The bytes that `write` writes.
func encoded(_ write: (inout ByteWriter) -> Void) -> [UInt8] {
  var writer = ByteWriter()
  write(&writer)
  return writer.bytes
}

/// What `read` reads from all of these bytes.
func decoded<Value>(_ bytes: [UInt8], _ read: (inout ByteReader) throws(CodingFailure) -> Value) throws(CodingFailure) -> Value {
  var reader = ByteReader(bytes)
  let value = try read(&reader)
  try reader.expectEnd()
  return value
}

/// Bytes as they are written down: two digits a byte.
func hex(_ bytes: [UInt8]) -> String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
