import NIOCore
import Testing

@testable import LoadTest

@Suite struct WireTests {
  private static let plain = "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nretry-after: 7\r\nX-Empty:\r\n\r\nhello"
  private static let chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n"
  private static let continued =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\nhello"

  @Test(arguments: [(plain, 202), (chunked, 200), (continued, 200)], [1, 2, 3, 7, 1000])
  func `an answer is the same however its bytes arrive`(answer: (text: String, status: Int), size: Int) throws {
    var parser = ResponseParser()
    var bytes = ByteBuffer(string: answer.text + answer.text)
    var responses: [Response] = []
    while var part = bytes.readSlice(length: min(size, bytes.readableBytes)), part.readableBytes > 0 {
      parser.append(&part)
      while let response = try parser.next() { responses.append(response) }
    }
    #expect(responses.map(\.status) == [answer.status, answer.status])
    #expect(responses.map { String(buffer: $0.body) } == ["hello", "hello"])
    #expect(responses.allSatisfy { $0.retryAfter == (answer.text == Self.plain ? 7 : nil) })
    #expect(responses.allSatisfy { $0.closes == (answer.text == Self.continued) })
  }

  @Test(arguments: [
    "HTTP/2 200\r\n\r\n", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  ])
  func `bytes that are no answer are refused`(text: String) {
    var parser = ResponseParser()
    var bytes = ByteBuffer(string: text)
    parser.append(&bytes)
    #expect(throws: ResponseParser.Malformed.self) { try parser.next() }
  }

  @Test func `an answer without a length ends with its connection`() throws {
    var parser = ResponseParser()
    var bytes = ByteBuffer(string: "HTTP/1.1 502 Bad Gateway\r\n\r\noops")
    parser.append(&bytes)
    #expect(try parser.next() == nil)
    let end = parser.end()
    let response = try #require(end)
    #expect(String(buffer: response.body) == "oops")
    #expect(response.closes)
  }

  @Test func `a reservation is read, whatever surrounds it`() throws {
    let body = #"""
      {"payment": {"status":"pending", "x":[1,-2.5e3,true,null,{"status":"no"}]}, "id" : "r1", "status":"held","sequence":12,
       "tickets":[{"section":"a\u002db","seat":"a-\"1\"","price":{"amount":1,"currency":"EUR"}},{"section":"floor"}],
       "rejection":{"message":"\ud83c\udf9f","code":"sold_out"}, "expires_at":"2024-02-29T12:00:00.25Z","empty":{},"none":[]}
      """#
    let outcome = try #require(Outcome(ByteBuffer(string: body)))
    #expect(outcome.reservation == "r1")
    #expect(outcome.status == "held")
    #expect(outcome.sequence == 12)
    #expect(outcome.tickets == [.init(section: "a-b", seat: "a-\"1\""), .init(section: "floor", seat: nil)])
    #expect(outcome.rejection == "sold_out")
    #expect(outcome.expiresAt == 1_709_208_000.25)
  }

  @Test(arguments: [
    "", "{", "[]", #"{"id":"r1"}"#, #"{"id":"r1","status":"#, #"{"id":"r1","status":"held""#, #"{"id":1,"status":"held"}"#,
    String(repeating: #"{"a":"#, count: 100),
  ])
  func `what is no reservation is not read as one`(body: String) {
    #expect(Outcome(ByteBuffer(string: body)) == nil)
  }

  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0.0), ("2000-03-01T00:00:00Z", 951_868_800), ("2030-06-01T18:00:00.5Z", 1_906_567_200.5),
  ])
  func `times are read`(text: String, seconds: Double) { #expect(RFC3339.parse(text) == seconds) }

  @Test(arguments: ["", "now", "2030-06-01", "2030-13-01T00:00:00Z", "2030-06-01T18:00:00+02:00", "2030-06-01T1x:00:00Z"])
  func `what is no time in UTC is not read as one`(text: String) { #expect(RFC3339.parse(text) == nil) }
}
