import NIOCore
import NIOEmbedded
import NIOHTTP1
import TestSupport
import Testing

@testable import Gateway

/// What reads most requests, beside NIO's parser, which reads the others and is what it has to agree with.
struct PlainHeadTests {
  private static let line = "GET /v1/events?limit=2 HTTP/1.1\r\n"

  private func read(_ text: String) -> PlainHead.Reading { Array(text.utf8).withUnsafeBytes { PlainHead.read($0) } }

  /// The first head that NIO's parser reads, and the body behind it; nil if it reads none.
  private func readByNIO(_ text: String) throws -> (head: RequestHead, body: String)? {
    let channel = EmbeddedChannel()
    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
    defer { _ = try? channel.finish() }
    // What comes behind the request may be none.
    do { try channel.writeInbound(ByteBuffer(string: text)) } catch is HTTPParserError {}
    guard case .head(let head)? = try channel.readInbound(as: HTTPServerRequestPart.self).map({ RequestPart($0) }) else {
      return nil
    }
    var body = ""
    while case .body(let bytes)? = try channel.readInbound(as: HTTPServerRequestPart.self) { body += String(buffer: bytes) }
    return (head, body)
  }

  @Test func `the head of a request for tickets is read, up to its body`() throws {
    let head = """
      POST /v1/events/e/reservations HTTP/1.1\r
      Host: tickets.example\r
      Connection: Keep-Alive\r
      Content-Type: application/json\r
      Authorization:Bearer a.b.c\r
      idempotency-key: \t k-1 \t\r
      Content-Length: 12\r
      \r

      """
    guard case .head(let plain) = read(head + #"{"section":1}"#) else { throw Failure() }
    #expect(plain.bytes == head.utf8.count)
    #expect(plain.bodyBytes == 12)
    #expect(plain.head.method == .POST)
    #expect(plain.head.target == "/v1/events/e/reservations")
    #expect(plain.head.fields.authorization == "Bearer a.b.c")
    #expect(plain.head.fields.idempotencyKey == "k-1")
    #expect(plain.head.fields.hosts == 1)
    #expect(!plain.head.isLast && plain.head.flaw == nil)
    for length in 0..<head.utf8.count { #expect(read(String(decoding: head.utf8.prefix(length), as: UTF8.self)) == .incomplete) }
  }

  private struct Failure: Error {}

  @Test(arguments: [
    "PUT / HTTP/1.1\r\n\r\n", "GETT / HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n", "\r\nGET / HTTP/1.1\r\n\r\n",
    "GET  / HTTP/1.1\r\n\r\n",
    "GET * HTTP/1.1\r\n\r\n", "GET http://a/ HTTP/1.1\r\n\r\n", "GET /# HTTP/1.1\r\n\r\n", "GET /é HTTP/1.1\r\n\r\n",
    "GET / \r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\n\n", "GET / HTTP/1.1 \r\n\r\n", "GET / HTTP/1.1\r\nA: b\n\r\n",
    "GET / HTTP/1.1\r\n A: b\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "GET / HTTP/1.1\r\nA : b\r\n\r\n", "GET / HTTP/1.1\r\n: b\r\n\r\n",
    "GET / HTTP/1.1\r\nA\r\n\r\n",
    "GET / HTTP/1.1\r\nÄ: b\r\n\r\n", "GET / HTTP/1.1\r\nA: é\r\n\r\n", "GET / HTTP/1.1\r\nA: \u{0}\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\r\n\rX", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.1\r\nConnection: keep-alive, upgrade\r\n\r\n",
    "GET / HTTP/1.1\r\nproxy-connection: keep-alive\r\n\r\n", "GET / HTTP/1.1\r\nUPGRADE: h2c\r\n\r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\ntransfer-encoding: identity\r\nContent-Length: 1\r\n\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n",
    "GET / HTTP/1.1\r\n\(String(repeating: "A: b\r\n", count: Limits.headerFields + 1))\r\n",
    "GET /\(String(repeating: "x", count: PlainHead.maximumBytes))",
    "GET / HTTP/1.1\r\nA: \(String(repeating: "x", count: PlainHead.maximumBytes))",
  ])
  func `what is not as plain is left to NIO's parser`(head: String) {
    #expect(read(head) == .notPlain)
  }

  @Test(arguments: -1...1)
  func `a head is read up to the bound, and left to NIO's parser beyond it`(excess: Int) throws {
    let rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".utf8.count
    let value = String(repeating: "x", count: PlainHead.maximumBytes + excess - rest)
    let head = "GET / HTTP/1.1\r\nHost: a\r\nX: \(value)\r\n\r\n"
    let length = PlainHead.maximumBytes + excess
    #expect(head.utf8.count == length)
    if excess <= 0 {
      guard case .head(let plain) = read(head + "next") else { throw Failure() }
      #expect(plain.bytes == length)
      #expect(read(String(head.dropLast())) == .incomplete)
    } else {
      #expect(read(head) == .notPlain)
      // Whatever comes behind so many bytes without an end, it is too long.
      #expect(read(String(decoding: head.utf8.prefix(PlainHead.maximumBytes), as: UTF8.self)) == .notPlain)
    }
  }

  /// Pieces of requests, most of them of plain ones.
  private static let pieces = [
    "Host: a\r\n", "host:b\r\n", "Accept: */*\r\n", "Accept: text/html \t\r\n", "ACCEPT:\r\n", "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "content-length: 03\r\n", "Connection: keep-alive\r\n", "Connection: close\r\n", "Keep-Alive: 5\r\n",
    "X_y-1: ~!@#$%^&*()\"<>?{}|\\\r\n",
    "Authorization: Bearer a.b-c_d\r\n", "Prefer: wait=3\r\n", "If-None-Match: W/\"1\"\r\n", "Expect: 100-continue\r\n",
    "Upgrade: h2c\r\n",
    "Transfer-Encoding: chunked\r\n", "TE: trailers\r\n", "Trailer: x\r\n",
    "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: ::1\r\n", " folded\r\n",
    "A: \u{7F}\r\n", "B: é\r\n", "C: d\n", "D\r\n",
  ]

  @Test func `what is read is what NIO's parser reads`() throws {
    var generator = SeededGenerator(seed: 21)
    var plain = 0
    for _ in 0..<20_000 {
      let method = ["GET", "GET", "POST", "POST", "HEAD", "DELETE", "PUT"].randomElement(using: &generator)!
      let target = ["/", "/v1/events?limit=2&a=%20", "/v1/reservations/1:2,3~4+5_6.7-8", "*", "/a b", "/#x"].randomElement(
        using: &generator)!
      var text = "\(method) \(target) HTTP/1.1\r\n"
      for _ in 0..<Int.random(in: 0...5, using: &generator) {
        // The last ones, which are not plain, more seldom.
        text +=
          Self.pieces[min(Int.random(in: 0..<40, using: &generator), Int.random(in: 0..<Self.pieces.count, using: &generator))]
      }
      text += "\r\nabc"
      if Int.random(in: 0..<4, using: &generator) == 0 { text = mutated(text, using: &generator) }
      guard case .head(let head) = read(text) else { continue }
      plain += 1
      let (known, body) = try #require(try readByNIO(text), "\(text.debugDescription) is none for NIO's parser")
      #expect(head.head == known, "\(text.debugDescription)")
      #expect(
        body == String(decoding: text.utf8.dropFirst(head.bytes).prefix(head.bodyBytes), as: UTF8.self),
        "\(text.debugDescription)")
    }
    #expect(plain > 2000)
  }

  /// The text with a byte that is another one, is missing, or is there twice.
  private func mutated(_ text: String, using generator: inout SeededGenerator) -> String {
    var bytes = Array(text.utf8)
    let index = bytes.indices.randomElement(using: &generator)!
    switch Int.random(in: 0..<3, using: &generator) {
    case 0: bytes[index] = UInt8(truncatingIfNeeded: Int.random(in: 0..<128, using: &generator))
    case 1: bytes.remove(at: index)
    default: bytes.insert(bytes[index], at: index)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: On a connection

  private static let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
  private static let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
  private static let get = "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"

  @Test(arguments: [[post, get, post], [get, chunked, post, get], [chunked, post], [post, chunked, get]], [1, 7, 1000])
  func `plain requests and others are answered in their order, in whatever pieces they come`(requests: [String], piece: Int)
    throws
  {
    let client = try Client()
    let bytes = Array(requests.joined().utf8)
    let answer = try stride(from: 0, to: bytes.count, by: piece).reduce(into: "") { answer, start in
      answer += try client.send(bytes: Array(bytes[start...].prefix(piece)))
    }
    let bodies = answer.components(between: "\r\n\r\n", and: "HTTP/1.1")
    #expect(bodies == requests.map { $0 == Self.get ? "GET /echo " : "POST /echo body" })
    #expect(client.isOpen)
  }
}
