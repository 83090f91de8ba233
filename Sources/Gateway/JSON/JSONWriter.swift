import Ticketing

/// Writes a JSON text, straight into bytes.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private var needsComma = false

  init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

  /// An object whose members `body` writes.
  mutating func object(_ body: (inout JSONWriter) -> Void) {
    open(UInt8(ascii: "{"))
    body(&self)
    close(UInt8(ascii: "}"))
  }

  /// An array whose elements `body` writes.
  mutating func array(_ body: (inout JSONWriter) -> Void) {
    open(UInt8(ascii: "["))
    body(&self)
    close(UInt8(ascii: "]"))
  }

  mutating func member(_ key: StaticString, _ value: String) {
    var value = value
    value.withUTF8 { text in
      let isPlain = text.allSatisfy { $0.isPlainInJSON }
      let room = TextRoom.longestString(of: text.count, isPlain: isPlain)
      member(key, room: room) { $0.write(string: text, isPlain: isPlain) }
    }
  }

  /// A text of nothing but letters, digits and the like.
  mutating func member(_ key: StaticString, plain value: String) {
    var value = value
    value.withUTF8 { text in
      let room = TextRoom.longestString(of: text.count, isPlain: true)
      member(key, room: room) { $0.write(string: text, isPlain: true) }
    }
  }

  mutating func member(_ key: StaticString, _ value: some BinaryInteger) {
    member(key, room: TextRoom.longestInteger) { $0.write(Int64(value)) }
  }

  mutating func member(_ key: StaticString, _ id: some Identifier) {
    member(key, room: TextRoom.longestIdentifier + 2) {
      $0.write(UInt8(ascii: "\""))
      $0.write(id)
      $0.write(UInt8(ascii: "\""))
    }
  }

  mutating func member(_ key: StaticString, _ time: Timestamp) {
    member(key, room: TextRoom.longestTime + 2) {
      $0.write(UInt8(ascii: "\""))
      $0.write(time)
      $0.write(UInt8(ascii: "\""))
    }
  }

  /// With at most three decimals.
  mutating func member(_ key: StaticString, _ value: Double) {
    let thousandths = (value * 1000).rounded()
    // Fifteen digits always come back from a double, so they are its description. To have that found out takes ten times as long.
    if thousandths.sign == .plus, thousandths < 1e15 {
      member(key, room: TextRoom.longestInteger) { $0.write(thousandths: UInt64(thousandths)) }
    } else {
      var text = "\(thousandths / 1000)"
      text.withUTF8 { text in member(key, room: text.count) { $0.write(text) } }
    }
  }

  mutating func member(_ key: StaticString, _ value: Bool) {
    let word: StaticString = value ? "true" : "false"
    member(key, room: 5) { $0.write(word) }
  }

  mutating func object(_ key: StaticString, _ body: (inout JSONWriter) -> Void) {
    member(key, room: 0) { _ in }
    object(body)
  }

  mutating func array(_ key: StaticString, _ body: (inout JSONWriter) -> Void) {
    member(key, room: 0) { _ in }
    array(body)
  }

  /// An element of an array.
  mutating func element(_ value: String) {
    var value = value
    separate()
    value.withUTF8 { text in
      let isPlain = text.allSatisfy { $0.isPlainInJSON }
      let room = TextRoom.longestString(of: text.count, isPlain: isPlain)
      bytes.append(room: room) { $0.write(string: text, isPlain: isPlain) }
    }
  }

  mutating func element(_ value: some BinaryInteger) {
    separate()
    bytes.append(room: TextRoom.longestInteger) { $0.write(Int64(value)) }
  }

  mutating func element(_ body: (inout JSONWriter) -> Void) {
    separate()
    object(body)
  }

  /// An element that is JSON already.
  mutating func element(json: [UInt8]) {
    separate()
    bytes.append(contentsOf: json)
  }

  private mutating func open(_ brace: UInt8) {
    bytes.append(brace)
    needsComma = false
  }

  private mutating func close(_ brace: UInt8) {
    bytes.append(brace)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  /// A key, and what `write` puts behind it into so much room.
  @inline(__always)
  private mutating func member(_ key: StaticString, room: Int, _ write: (inout TextRoom) -> Void) {
    let comma = needsComma
    needsComma = true
    bytes.append(room: key.utf8CodeUnitCount + 4 + room) { text in
      if comma { text.write(UInt8(ascii: ",")) }
      text.write(UInt8(ascii: "\""))
      text.write(key)
      text.write(UInt8(ascii: "\""))
      text.write(UInt8(ascii: ":"))
      write(&text)
    }
  }
}
