/// The header fields of a response, as they are sent: a line each, in one buffer. Kept as a list of names and values, and written from
/// that, they took a twentieth of the instructions of a request for tickets.
struct ResponseHeaders: Sendable, ExpressibleByDictionaryLiteral {
  /// The lines, each with its end.
  private(set) var bytes: [UInt8] = []

  init(dictionaryLiteral fields: (StaticString, String)...) {
    for (name, value) in fields { add(name: name, value: value) }
  }

  /// - Parameter value: no line break is in it.
  mutating func add(name: StaticString, value: String) {
    assert(!value.utf8.contains { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }, "a line break in \(name)")
    value.withBytes { value in add(name: name, room: value.count) { $0.write(value) } }
  }

  mutating func add(name: StaticString, value: Int) {
    add(name: name, room: TextRoom.longestInteger) { $0.write(Int64(value)) }
  }

  /// A field whose value `write` puts into so much room; no line break is in it.
  @inline(__always)
  mutating func add(name: StaticString, room: Int, _ write: (inout TextRoom) -> Void) {
    // All fields of nearly all responses, at once.
    if bytes.isEmpty { bytes.reserveCapacity(256) }
    bytes.append(room: name.utf8CodeUnitCount + 4 + room) { text in
      text.write(name)
      text.write(": ")
      write(&text)
      text.write("\r\n")
    }
  }

  mutating func add(contentsOf others: ResponseHeaders) { bytes += others.bytes }
}
