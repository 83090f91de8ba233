import Pipeline
import TestSupport
import Testing

struct ByteCodingTests {
  @Test func `numbers are big-endian and texts are counted`() {
    let bytes = encoded {
      $0.write(UInt8(1))
      $0.write(Int16(-2))
      $0.write(UInt32(0x0102_0304))
      $0.write("é")
      $0.write(counted: [7])
      $0.write(raw: [9, 9])
    }
    #expect(hex(bytes) == "01" + "fffe" + "01020304" + "00000002c3a9" + "0000000107" + "0909")
  }

  @Test func `every width comes back, at its extremes too`() throws {
    func check<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type, _ generator: inout SeededGenerator) throws {
      for number in [Number.min, .max, 0, 1] + (0..<200).map({ _ in generator.number(Number.self) }) {
        let bytes = encoded { $0.write(number) }
        #expect(bytes.count == Number.bitWidth / 8)
        #expect(try decoded(bytes) { reader throws(CodingFailure) in try reader.read(Number.self) } == number)
      }
    }
    var generator = SeededGenerator(seed: 1)
    try check(UInt8.self, &generator)
    try check(Int8.self, &generator)
    try check(UInt16.self, &generator)
    try check(Int32.self, &generator)
    try check(Int64.self, &generator)
    try check(UInt64.self, &generator)
    try check(UInt128.self, &generator)
    try check(Int128.self, &generator)
  }

  @Test func `texts come back as they were, byte by byte`() throws {
    var generator = SeededGenerator(seed: 2)
    for text in [""] + (0..<500).map({ _ in generator.text() }) {
      let bytes = encoded { $0.write(text) }
      let back = try decoded(bytes) { reader throws(CodingFailure) in try reader.readText() }
      #expect(Array(back.utf8) == Array(text.utf8))
    }
  }

  @Test(arguments: [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]])
  func `a text that is not UTF-8 is refused`(content: [UInt8]) {
    let bytes = encoded { $0.write(counted: content) }
    #expect(throws: CodingFailure.self) { try decoded(bytes) { reader throws(CodingFailure) in try reader.readText() } }
  }

  @Test func `nothing is read past the end, and nothing is skipped by trying`() throws {
    var reader = ByteReader([1, 2, 3])
    #expect(throws: CodingFailure.self) { try reader.read(UInt32.self) }
    #expect(throws: CodingFailure.self) { try reader.read(UInt128.self) }
    #expect(try reader.read(UInt16.self) == 0x0102)
    #expect(!reader.isAtEnd)
    #expect(throws: CodingFailure.self) { try reader.expectEnd() }
    #expect(try reader.read(UInt8.self) == 3)
    #expect(reader.isAtEnd)
    try reader.expectEnd()
    #expect(throws: CodingFailure.self) { try reader.read(UInt8.self) }
  }

  @Test(arguments: [UInt32(5), 0x7FFF_FFFF, .max])
  func `a count beyond the end is refused, whoever counts`(count: UInt32) {
    let bytes = encoded { $0.write(count) } + [1, 2, 3, 4]
    #expect(throws: CodingFailure.self) {
      var reader = ByteReader(bytes)
      _ = try reader.readCounted()
    }
    #expect(throws: CodingFailure.self) {
      var reader = ByteReader(bytes)
      _ = try reader.readText()
    }
    #expect(throws: CodingFailure.self) {
      var reader = ByteReader(bytes)
      _ = try reader.readPart()
    }
  }

  @Test func `a part's reader sees its part only, and the whole's goes on behind it`() throws {
    var reader = ByteReader(encoded { $0.write(counted: [1, 2]) } + [3, 4])
    var part = try reader.readPart()
    #expect(part.rest == [1, 2])
    #expect(throws: CodingFailure.self) { try part.read(UInt32.self) }
    #expect(try part.read(UInt8.self) == 1)
    #expect(part.rest == [2])
    #expect(try part.read(UInt8.self) == 2)
    #expect(part.isAtEnd)
    #expect(throws: CodingFailure.self) { try part.read(UInt8.self) }
    #expect(reader.rest == [3, 4])
  }
}
