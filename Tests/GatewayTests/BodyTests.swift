import Testing

@testable import Gateway

struct BodyTests {
  private let errors = Body.Errors()

  private func body(_ text: String, keys: [String]) throws -> Body {
    try #require(Body(try json(text), keys: keys, errors))
  }

  private var found: [String] { errors.found.map { "\($0.pointer): \($0.detail)" } }

  @Test(arguments: [("[]", "an array"), ("null", "null"), ("1", "a number"), ("\"\"", "a string"), ("true", "a boolean")])
  func `what is no object is refused`(text: String, kind: String) throws {
    #expect(Body(try json(text), at: .member(.root, "a"), keys: [], errors) == nil)
    #expect(found == ["/a: must be an object, not \(kind)"])
  }

  @Test func `all that is wrong is gathered, with pointers`() throws {
    let body = try body(#"{"a":1,"b":"long","c":[1,2],"x/y~z":0,"d":"no"}"#, keys: ["a", "b", "c", "d", "e"])
    #expect(body.string("a", length: 1...3) == nil)
    #expect(body.string("b", length: 1...3) == nil)
    #expect(body.array("c", count: 1...1).isEmpty)
    #expect(body.word("d", among: ["yes", "maybe"]) == nil)
    #expect(body.integer("e", in: 1...2) == nil)
    #expect(
      found == [
        "/x~1y~0z: is not known here", "/a: must be a string, not a number", "/b: must have 1 to 3 characters",
        "/c: must have 1 to 1 elements", "/d: must be one of yes, maybe", "/e: is required",
      ])
  }

  @Test func `objects inside report to the same list, with longer pointers`() throws {
    let body = try body(#"{"a":[{"b":1},{"c":true}]}"#, keys: ["a"])
    for (value, pointer) in body.array("a", count: 0...9) {
      _ = Body(value, at: pointer, keys: ["b"], errors)?.integer("b", in: 2...3)
    }
    #expect(
      found == ["/a/0/b: must be a whole number from 2 to 3", "/a/1/c: is not known here", "/a/1/b: is required"])
  }

  @Test func `no more than fifty mistakes are reported`() throws {
    _ = try body("{\(((0..<60).map { "\"\($0)\":0" }).joined(separator: ","))}", keys: [])
    #expect(errors.found.count == 50)
    #expect(errors.found.first?.pointer == "/0")
  }

  @Test func `what is there and right is given`() throws {
    let body = try body(
      #"{"s":"é😀","n":7,"f":2.0,"t":true,"w":"b","z":"2030-06-01T18:00:00Z","a":[]}"#, keys: ["s", "n", "f", "t", "w", "z", "a"])
    // Counted in Unicode scalars.
    #expect(body.string("s", length: 2...2) == "é😀")
    #expect(body.optionalString("s", length: 2...2) == "é😀")
    #expect(body.integer("n", in: 7...7) == 7)
    #expect(body.integer("f", in: 0...9) == 2)
    #expect(body.bool("t", default: false))
    #expect(body.word("w", among: ["a", "b"]) == "b")
    #expect(body.time("z")?.rfc3339 == "2030-06-01T18:00:00Z")
    #expect(body.array("a", count: 0...0).isEmpty)
    #expect(found == [])
  }

  @Test func `what is left out has its default, or none`() throws {
    let body = try body("{}", keys: [])
    #expect(body.optionalString("a", length: 1...2) == nil)
    #expect(body.integer("a", in: 1...9, default: 5) == 5)
    #expect(body.bool("a", default: true))
    #expect(body.word("a", among: ["b"]) == nil)
    #expect(body.optionalTime("a") == nil)
    #expect(body.optionalArray("a", count: 1...2).isEmpty)
    #expect(found == [])
  }

  @Test(arguments: ["1.5", "\"7\"", "null", "true", "-1", "10", "1e300", "9223372036854775808"])
  func `what is no whole number in the range is refused`(text: String) throws {
    #expect(try body("{\"a\":\(text)}", keys: ["a"]).integer("a", in: 0...9) == nil)
    #expect(found == ["/a: must be a whole number from 0 to 9"])
  }

  @Test(arguments: ["null", "1", "\"true\"", "[]"])
  func `what is no boolean is refused`(text: String) throws {
    _ = try body("{\"a\":\(text)}", keys: ["a"]).bool("a", default: true)
    #expect(found == ["/a: must be true or false"])
  }

  @Test func `null is a value like any other, not the lack of one`() throws {
    let body = try body(#"{"a":null}"#, keys: ["a"])
    #expect(body.optionalString("a", length: 0...9) == nil)
    _ = body.integer("a", in: 0...9, default: 1)
    #expect(body.optionalArray("a", count: 0...9).isEmpty)
    #expect(body.optionalTime("a") == nil)
    #expect(errors.found.map(\.pointer) == ["/a", "/a", "/a", "/a"])
  }

  @Test func `a string with the character U+0000 is refused, since PostgreSQL has none`() throws {
    #expect(try body(#"{"a":"x\u0000"}"#, keys: ["a"]).string("a", length: 0...9) == nil)
    #expect(found == ["/a: must not contain the character U+0000"])
  }
}
