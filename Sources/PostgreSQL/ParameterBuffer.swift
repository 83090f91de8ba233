import CPostgreSQL

/// The parameters of one query as libpq takes them: all values' bytes behind one another, and C arrays that point into them.
struct ParameterBuffer {
  private let bytes: [UInt8]
  /// Where each value starts; nil is NULL.
  private let starts: [Int?]
  private let lengths: [CInt]

  init(_ values: [PostgresValue]) {
    var writer = BinaryWriter()
    var starts: [Int?] = []
    var lengths: [CInt] = []
    starts.reserveCapacity(values.count)
    lengths.reserveCapacity(values.count)
    for value in values {
      let start = writer.bytes.count
      writer.append(value)
      lengths.append(CInt(writer.bytes.count - start))
      if case .null = value { starts.append(nil) } else { starts.append(start) }
    }
    // So that an empty last value has an address too: a null pointer would mean NULL.
    writer.append(false)
    (self.bytes, self.starts, self.lengths) = (writer.bytes, starts, lengths)
  }

  /// Lends the values, their lengths and their formats (1: binary), in the shape of `PQsendQueryPrepared`'s arguments.
  func withPointers<R>(_ body: ([UnsafePointer<CChar>?], [CInt], [CInt]) -> R) -> R {
    bytes.withUnsafeBytes { bytes in
      let values = starts.map { start in
        start.map { bytes.baseAddress!.advanced(by: $0).assumingMemoryBound(to: CChar.self) }
      }
      return body(values, lengths, Array(repeating: 1, count: lengths.count))
    }
  }
}
