import TestSupport
import Testing

@testable import Gateway

struct JSONParserTests {
  @Test(
    arguments: [
      ("null", .null), ("true", .bool(true)), ("false", .bool(false)), (" \t\r\n1\t\r\n ", .integer(1)),
      ("0", .integer(0)), ("-0", .integer(0)), ("-12", .integer(-12)), ("9223372036854775807", .integer(.max)),
      ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number(9_223_372_036_854_775_808)),
      ("1.5", .number(1.5)), ("-0.25e2", .integer(-25)), ("2.0", .integer(2)), ("2e0", .integer(2)), ("2E+1", .integer(20)),
      ("200e-2", .integer(2)), ("1e-2", .number(0.01)), ("0.0", .integer(0)), ("0e9", .integer(0)),
      (#""""#, .string("")), (#""a b""#, .string("a b")), (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")),
      (#""\u0041\u00e9\u00E9\u6F22""#, .string("Aéé漢")), (#""\ud83d\ude00""#, .string("😀")),
      (#""\uD834\uDD1E""#, .string("\u{1D11E}")), (#""\udbff\udfff""#, .string("\u{10FFFF}")), (#""\u0000""#, .string("\u{0}")),
      ("\"é漢😀\u{7F}\u{2028}\"", .string("é漢😀\u{7F}\u{2028}")), (#""x\ud83d\ude00y""#, .string("x😀y")),
      ("[]", .array([])), ("[ ]", .array([])), ("[1,[2],{}]", .array([.integer(1), .array([.integer(2)]), .object([])])),
      ("{}", .object([])), (#"{ "a" : 1 , "A" : null }"#, .object([("a", .integer(1)), ("A", .null)])),
      (#"{"":""}"#, .object([("", .string(""))])),
    ] as [(String, JSONValue)])
  func `a text of the standard is read`(text: String, value: JSONValue) throws {
    #expect(try JSONParser.parse(Array(text.utf8)) == value)
  }

  @Test(arguments: [
    "", " ", "nul", "nulll", "True", "tru", "undefined", "NaN", "Infinity", "-Infinity", "'a'", "a", "\u{FEFF}1", "1 2", "1,",
    "+1", "-", "--1", "01", "-01", "00", "1.", ".5", "1.e2", "1e", "1e+", "1e400", "-1e400", "0x10", "1_000", "١",
    "\"", "\"a", "\"\\\"", #""\"#, #""\x41""#, #""\u""#, #""\u12""#, #""\u12g4""#, #""\u 123""#, #""\u+123""#, #""\U0041""#,
    #""\ud83d""#, #""\ud83dx""#, #""\ud83d\n""#, #""\ud83d\u0041""#, #""\ud83d\ud83d""#, #""\ude00""#, #""\ude00\ud83d""#,
    "\"a\nb\"", "\"\t\"", "\"\u{0}\"", "\"\\\n\"", "\"\\u0041\u{1F}\"",
    "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "[1}", "[01]",
    "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{1:1}", "{\"a\" 1}",
    "{\"a\":}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "// x\n1", "/* x */1", "1 // x",
    #"{"a":1,"a":1}"#, #"{"a":1,"b":2,"\u0061":3}"#,
  ])
  func `a text that is no JSON is refused`(text: String) {
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8)) }
  }

  @Test(arguments: [[0xFF], [0xC3], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80]] as [[UInt8]])
  func `a string that is not UTF-8 is refused, escapes or not`(bytes: [UInt8]) {
    let quote = UInt8(ascii: "\"")
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse([quote] + bytes + [quote]) }
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse([quote] + Array("\\n".utf8) + bytes + [quote]) }
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(bytes) }
  }

  @Test func `an error says at which byte`() {
    #expect(throws: JSONSyntaxError(message: "a key appears twice", offset: 10)) {
      try JSONParser.parse(Array(#"{"a":1,"a":2}"#.utf8))
    }
    #expect(throws: JSONSyntaxError(message: "the text ends too early", offset: 3)) { try JSONParser.parse(Array("[1,".utf8)) }
  }

  @Test func `arrays and objects may lie sixteen deep, and no deeper`() throws {
    func nested(_ depth: Int, _ open: String, _ close: String) -> [UInt8] {
      Array((String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)).utf8)
    }
    _ = try JSONParser.parse(nested(16, "[", "]"))
    _ = try JSONParser.parse(nested(16, "{\"a\":", "}"))
    for depth in [17, 1000, 100_000] {
      #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(nested(depth, "[", "]")) }
      #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(nested(depth, "{\"a\":", "}")) }
    }
  }

  @Test func `an object may have 64 members, and no more`() throws {
    func object(_ count: Int) -> [UInt8] { Array(("{" + (0..<count).map { "\"\($0)\":0" }.joined(separator: ",") + "}").utf8) }
    _ = try JSONParser.parse(object(64))
    #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(object(65)) }
  }

  @Test func `random and damaged texts are read or refused, and never stop the process`() {
    var generator = SeededGenerator(seed: 1)
    let letters = Array(#"{}[]",:\u/-+.eE0123456789dDabtrufalsn "#.utf8) + [0, 0x0A, 0x1F, 0x80, 0xC3, 0xA9, 0xED, 0xFF]
    for _ in 0..<60_000 {
      let bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in letters.randomElement(using: &generator)! }
      _ = try? JSONParser.parse(bytes)
    }
    let text = Array(#"{"a":[1,-2.5e3,"\ud83d\ude00\n é",{"b":null,"c":true}],"d":"x"}"#.utf8)
    for _ in 0..<20_000 {
      var bytes = text
      let index = Int.random(in: bytes.indices, using: &generator)
      switch Int.random(in: 0..<3, using: &generator) {
      case 0: bytes.remove(at: index)
      case 1: bytes.removeSubrange(index...)
      default: bytes[index] = .random(in: .min ... .max, using: &generator)
      }
      _ = try? JSONParser.parse(bytes)
    }
  }
}

struct JSONWriterTests {
  private func written(_ body: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter()
    writer.object(body)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test func `members and elements are separated by commas, and only separated`() {
    #expect(written { _ in } == "{}")
    let text = written {
      $0.member("a", 1)
      $0.array("b") { _ in }
      $0.object("c") { $0.array("d") { $0.element("x") } }
      $0.array("e") {
        $0.element(1)
        $0.element { $0.member("f", true) }
        $0.element { _ in }
        $0.element(json: Array("[2]".utf8))
        $0.element("y")
      }
      $0.member("g", false)
    }
    #expect(text == #"{"a":1,"b":[],"c":{"d":["x"]},"e":[1,{"f":true},{},[2],"y"],"g":false}"#)
  }

  @Test(arguments: [
    ("", #""""#), ("a/b", #""a/b""#), ("\"\\", #""\"\\""#), ("\n\r\t", #""\n\r\t""#),
    ("\u{0}\u{8}\u{B}\u{C}\u{F}", #""\u0000\u0008\u000b\u000c\u000f""#),
    ("\u{10}\u{1F}", #""\u0010\u001f""#), ("\u{7F}é漢😀\u{2028}", "\"\u{7F}é漢😀\u{2028}\""), ("\r\n", #""\r\n""#),
  ])
  func `what must be escaped is escaped, and nothing else`(text: String, json: String) {
    #expect(written { $0.member("a", text) } == #"{"a":\#(json)}"#)
  }

  @Test(arguments: [
    (0, "0.0"), (1.5, "1.5"), (0.0004, "0.0"), (0.0005, "0.001"), (1.0 / 3, "0.333"), (1234.5678, "1234.568"),
    (1e9, "1000000000.0"),
  ])
  func `a number has at most three decimals`(number: Double, json: String) {
    #expect(written { $0.member("a", number) } == #"{"a":\#(json)}"#)
  }

  @Test func `whatever text is written is read as it was`() throws {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<3000 {
      let scalars = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
        Unicode.Scalar(UInt32.random(in: 0...(generator.oneIn(2) ? 0x7F : 0x10FFFF), using: &generator)) ?? "?"
      }
      let text = String(String.UnicodeScalarView(scalars))
      guard case .object(let members) = try JSONParser.parse(Array(written { $0.member("a", text) }.utf8)),
        case .string(let read)? = members.first?.value
      else {
        Issue.record("not an object with a string")
        return
      }
      try #require(Array(read.utf8) == Array(text.utf8))
    }
  }

  @Test func `whatever integer is written is read as it was`() throws {
    var generator = SeededGenerator(seed: 3)
    for number in [Int64.min, .max, 0] + (0..<500).map({ _ in Int64.random(in: .min ... .max, using: &generator) }) {
      #expect(try JSONParser.parse(Array(written { $0.member("a", number) }.utf8)) == .object([("a", .integer(number))]))
    }
  }
}
