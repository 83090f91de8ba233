import HTTPTypes
import NIOHTTP1
import Pipeline
import TestSupport
import Testing
import Ticketing

@testable import Gateway

struct ReadingTests {
  // MARK: Header fields

  private func fields(_ fields: (String, String)...) -> HeaderFields { HeaderFields(HTTPHeaders(fields)) }

  @Test(arguments: [("v", "v"), ("v ", "v"), ("v \t \t", "v"), ("v w\t", "v w"), ("é ", "é"), (" ", ""), ("\t", ""), ("", "")])
  func `white space behind a header field's value is none of it`(header: String, value: String) {
    #expect(fields(("Accept", header)).accept == value)
    #expect(fields(("ACCEPT", header), ("accept", "z ")).accept == "\(value), z")
  }

  @Test func `each header field is found by its name, in any case, and by no other`() {
    let known: [(String, (HeaderFields) -> String?)] = [
      ("Accept", { $0.accept }), ("Authorization", { $0.authorization }), ("Content-Length", { $0.contentLength }),
      ("Content-Type", { $0.contentType }), ("Expect", { $0.expect }), ("X-Forwarded-For", { $0.forwardedFor }),
      ("Idempotency-Key", { $0.idempotencyKey }), ("If-None-Match", { $0.ifNoneMatch }), ("Prefer", { $0.prefer }),
      ("Upgrade", { $0.upgrade }),
    ]
    for (name, _) in known {
      for spelling in [name, name.lowercased(), name.uppercased()] {
        let fields = fields((spelling, "v"))
        #expect(known.filter { $0.1(fields) != nil }.map(\.0) == [name])
        #expect(fields.hosts == 0 && fields.bytes == name.utf8.count + 1)
      }
      let other = fields((name + "s", "v"), ("q" + name.dropFirst(), "v"))
      #expect(known.allSatisfy { $0.1(other) == nil })
    }
    #expect(fields(("Host", "a"), ("hOST", "b"), ("Hosts", "c")).hosts == 2)
  }

  @Test func `a key with white space behind it is the same key`() throws {
    for key in ["k", "k ", "\"k\" ", "k\t"] {
      // Not by way of HTTPFields, which would leave it out.
      let request = Request(method: .POST, target: "/", fields: fields(("Idempotency-Key", key)))
      #expect(try request.idempotencyKey() == "k")
    }
  }

  // MARK: Idempotency keys

  @Test(arguments: [
    ("key", "key"), ("\"key\"", "key"), ("\"", "\""), ("a\"b", "a\"b"), ("\"a", "\"a"), ("\"\"a\"\"", "\"a\""),
    ("k e y", "k e y"),
    ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
  ])
  func `an idempotency key is taken bare or quoted`(header: String, key: String) throws {
    #expect(try Request.sample(.post, "/", [.idempotencyKey: header]).idempotencyKey() == key)
  }

  @Test func `a request without an idempotency key, or with an empty one, is refused`() {
    for headers in [[:], [.idempotencyKey: ""], [.idempotencyKey: "\"\""]] as [HTTPFields] {
      let problem = problem { _ = try Request.sample(.post, "/", headers).idempotencyKey() }
      #expect(problem?.code == .idempotencyKeyMissing)
      #expect(problem?.status == .badRequest)
    }
  }

  @Test func `an idempotency key has at most 255 characters, its quotes not counted`() throws {
    let longest = String(repeating: "k", count: 255)
    #expect(try Request.sample(.post, "/", [.idempotencyKey: longest]).idempotencyKey() == longest)
    #expect(try Request.sample(.post, "/", [.idempotencyKey: "\"\(longest)\""]).idempotencyKey() == longest)
    let problem = problem { _ = try Request.sample(.post, "/", [.idempotencyKey: longest + "k"]).idempotencyKey() }
    #expect(problem?.code == .validationFailed)
    #expect(problem?.status == .badRequest)
    #expect(problem?.errors.map(\.pointer) == ["Idempotency-Key"])
  }

  // MARK: Prefer

  @Test(
    arguments: [
      ("wait=10", 10), ("wait=0", 0), ("WAIT=5", 5), ("wait=\"7\"", 7), ("wait = 8", 8), ("wait=30", 30), ("wait=31", 30),
      ("wait=86400", 30), ("respond-async, wait=3", 3), ("return=minimal;x=1,wait=4;y=2", 4), ("wait=9 ; x", 9),
      ("foo; wait=1, wait=2", 2),
      ("", nil), ("wait", nil), ("wait=", nil), ("wait=x", nil), ("wait=-1", nil), ("wait=1.5", nil), ("waiting=5", nil),
      (";", nil), (",", nil), ("=", nil), (";,;=;", nil), (";wait=5", nil), (" ; ", nil), (",;,wait=6", 6),
      ("x,\twait\t=\t4\t", 4),
      ("wait=99999999999999999999", nil),
    ] as [(String, Int?)])
  func `how long a client would wait is read, whatever else it prefers`(header: String, seconds: Int?) {
    #expect(Request.sample(.get, "/", [.prefer: header]).preferredWait == seconds)
  }

  @Test func `who says nothing does not wait`() {
    #expect(Request.sample().preferredWait == nil)
  }

  // MARK: If-None-Match

  @Test(arguments: [
    (#""1""#, #""1""#, true), (#"W/"1""#, #""1""#, true), (#""1""#, #"W/"1""#, true), (#"W/"1""#, #"W/"1""#, true),
    (#""0", "1""#, #""1""#, true), (#""0",W/"1""#, #""1""#, true), ("*", #""1""#, true), (#" "1" "#, #""1""#, true),
    (#""2""#, #""1""#, false), ("1", #""1""#, false), ("", #""1""#, false), (",", #""1""#, false), (#""11""#, #""1""#, false),
    (#"w/"1""#, #""1""#, false), (#"W/"1-5""#, #"W/"1""#, false),
  ])
  func `what the client has is compared weakly`(header: String, tag: String, isKnown: Bool) {
    #expect(Request.sample(.get, "/", [.ifNoneMatch: header]).has(tag) == isKnown)
  }

  @Test func `who names no tag has nothing`() {
    #expect(!Request.sample().has("\"1\""))
  }

  // MARK: Pages

  @Test(arguments: [("", 20), ("?limit=1", 1), ("?limit=100", 100), ("?x=5", 20)])
  func `a page has as many entries as asked for`(query: String, limit: Int) throws {
    #expect(try Request.sample(.get, "/v1/events\(query)").pageLimit() == limit)
  }

  @Test(arguments: ["0", "101", "-1", "", "x", "1.5", "99999999999999999999", "%00"])
  func `a limit out of bounds is refused`(limit: String) {
    let problem = problem { _ = try Request.sample(.get, "/v1/events?limit=\(limit)").pageLimit() }
    #expect(problem?.status == .unprocessableEntity)
    #expect(problem?.errors.map(\.pointer) == ["limit"])
  }

  @Test func `a cursor leads back to its place`() throws {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<500 {
      let years = Timestamp.representable.lowerBound.microseconds...Timestamp.representable.upperBound.microseconds
      let time =
        generator.oneIn(5)
        ? [years.lowerBound, years.upperBound, 0, -1].randomElement(using: &generator)! : .random(in: years, using: &generator)
      let mark = PageMark(time: Timestamp(microseconds: time), id: .random(in: .min ... .max, using: &generator))
      #expect(try Request.sample(.get, "/v1/events?cursor=\(mark.cursor)").cursor() == mark)
    }
    #expect(try Request.sample(.get, "/v1/events").cursor() == nil)
  }

  @Test(arguments: [
    "", "-", "0", "x", "0-", "-0", "0-0", "g-00000000-0000-0000-0000-00000000000e", "0-00000000-0000-0000-0000-00000000000",
    "10000000000000000-00000000-0000-0000-0000-00000000000e", "0-00000000-0000-0000-0000-00000000000e-", "%2D", "%FF", "%00-%00",
    "7fffffffffffffff-00000000-0000-0000-0000-00000000000e",
  ])
  func `nonsense for a cursor is refused`(cursor: String) {
    let problem = problem { _ = try Request.sample(.get, "/v1/events?cursor=\(cursor)").cursor() }
    #expect(problem?.status == .unprocessableEntity)
    #expect(problem?.errors.map(\.pointer) == ["cursor"])
  }

  @Test func `a flag is true or false`() throws {
    #expect(try Request.sample(.get, "/?mine=true").flag("mine"))
    #expect(try !Request.sample(.get, "/?mine=false").flag("mine"))
    #expect(try !Request.sample(.get, "/").flag("mine"))
    for value in ["", "1", "TRUE", "yes"] {
      #expect(problem { _ = try Request.sample(.get, "/?mine=\(value)").flag("mine") }?.errors.map(\.pointer) == ["mine"])
    }
  }

  @Test(arguments: [
    ("block-a", "block-a"), ("block%2Da", "block-a"), ("%62%6C%6f", "blo"), ("a%20b%26c%3d", "a b&c="), ("%C3%A4", "ä"),
    ("100%25", "100%"), ("%", "%"), ("a%2", "a%2"), ("%zz", "%zz"), ("%%2D", "%-"), ("%+5", "%+5"), ("%-0", "%-0"),
  ])
  func `percent escapes in a query are decoded, and what is none stays`(text: String, decoded: String) {
    #expect(Request.sample(.get, "/?x=1&section=\(text)").parameter("section") == decoded)
  }

  private func problem(_ read: () throws -> Void) -> Problem? {
    do {
      try read()
      return nil
    } catch {
      return error as? Problem
    }
  }
}

struct ProblemTests {
  /// The contract's codes, and the status that each has unless its place says otherwise.
  @Test(
    arguments: [
      (.malformedJSON, "malformed_json", 400), (.validationFailed, "validation_failed", 422),
      (.idempotencyKeyMissing, "idempotency_key_missing", 400), (.idempotencyKeyReused, "idempotency_key_reused", 422),
      (.unauthenticated, "unauthenticated", 401), (.invalidCredentials, "invalid_credentials", 401),
      (.forbidden, "forbidden", 403),
      (.notFound, "not_found", 404), (.methodNotAllowed, "method_not_allowed", 405), (.notAcceptable, "not_acceptable", 406),
      (.requestTimeout, "request_timeout", 408), (.emailTaken, "email_taken", 409), (.notOnSale, "not_on_sale", 409),
      (.salesPaused, "sales_paused", 409), (.conflict, "conflict", 409), (.bodyTooLarge, "body_too_large", 413),
      (.uriTooLong, "uri_too_long", 414), (.headersTooLarge, "headers_too_large", 431),
      (.unsupportedMediaType, "unsupported_media_type", 415), (.rateLimited, "rate_limited", 429),
      (.overloaded, "overloaded", 503),
      (.unavailable, "unavailable", 503), (.internal, "internal", 500),
    ] as [(Problem.Code, String, Int)])
  func `a code has the contract's name and status`(code: Problem.Code, name: String, status: Int) throws {
    let problem = Problem(code, "Why.")
    #expect(Int(problem.status.code) == status)
    guard case .object(let members) = try JSONParser.parse(problem.body) else {
      Issue.record("no object")
      return
    }
    #expect(members.map(\.key) == ["type", "title", "status", "code", "detail"])
    #expect(members[0].value == .string("/problems/\(name.replacing("_", with: "-"))"))
    #expect(members[1].value != .string(""))
    #expect(members[2].value == .integer(Int64(status)))
    #expect(members[3].value == .string(name))
    #expect(members[4].value == .string("Why."))
  }

  @Test func `a response of a problem says what it is, and is not kept`() {
    let response = Problem(.overloaded, "Why.", retryAfter: 3).response
    #expect(response.status == .serviceUnavailable)
    #expect(HTTPFields(response.headers)[.contentType] == "application/problem+json")
    #expect(HTTPFields(response.headers)[.cacheControl] == "no-store")
    #expect(HTTPFields(response.headers)[.retryAfter] == "3")
    #expect(HTTPFields(response.headers)[.wwwAuthenticate] == nil)
    #expect(Problem(.unauthenticated, "Why.").response.headers["WWW-Authenticate"] == ["Bearer"])
  }

  @Test func `what is wrong with a body is listed with pointers`() throws {
    let problem = Problem.invalid([FieldError(pointer: "/a/0", detail: "is \"wrong\"")])
    #expect(problem.status.code == 422)
    #expect(String(decoding: problem.body, as: UTF8.self).hasSuffix(#""errors":[{"pointer":"/a/0","detail":"is \"wrong\""}]}"#))
  }
}
