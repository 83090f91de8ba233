import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// A connection's bytes in and out, on an event loop whose time the test moves.
struct HTTPConnectionTests {
  private let get = "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"

  // MARK: Requests that are answered

  @Test func `a request is answered, and the connection stays`() throws {
    let client = try Client()
    let answer = try client.send("POST /echo?x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.contains("\r\nContent-Length: 15\r\n"))
    #expect(answer.hasSuffix("\r\n\r\nPOST /echo body"))
    #expect(client.isOpen)
    #expect(!answer.contains("Connection:"))
  }

  @Test func `a request may come byte by byte`() throws {
    let client = try Client()
    var answer = ""
    for byte in "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".utf8 {
      #expect(answer == "")
      answer = try client.send(bytes: [byte])
    }
    #expect(answer.hasSuffix("\r\n\r\nPOST /echo abcde"))
  }

  @Test func `requests that come at once are answered in their order`() throws {
    let client = try Client()
    let answer = try client.send((0..<3000).map { "GET /echo/\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
    let bodies = answer.components(between: "\r\n\r\n", and: "HTTP/1.1")
    #expect(bodies == (0..<3000).map { "GET /echo/\($0) " })
    #expect(client.isOpen)
  }

  @Test func `the next request waits until the one before is answered, and so does the reading`() async throws {
    let client = try Client()
    #expect(try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n\(get)") == "")
    #expect(client.reads == 0)
    client.gate.open()
    let answer = try await client.nextAnswer()
    #expect(answer.components(between: "\r\n\r\n", and: "HTTP/1.1") == ["waited", "GET /echo "])
    #expect(client.reads == 1)
  }

  @Test func `who does not read its answers is given no more of them, and is not read either`() throws {
    let client = try Client()
    client.channel.isWritable = false
    #expect(try client.send(get + get) == "")
    #expect(client.reads == 0)
    client.channel.isWritable = true
    client.channel.pipeline.fireChannelWritabilityChanged()
    #expect(try client.send("").components(between: "\r\n\r\n", and: "HTTP/1.1") == ["GET /echo ", "GET /echo "])
    #expect(client.reads > 0)
  }

  @Test(arguments: [(100, 1), (1024, 796), (20_000, 19_772), (1_000_000, 20_000)])
  func `there are no more connections than the system lets the process have`(descriptors: UInt, connections: Int) {
    #expect(DescriptorLimit.connections(descriptors: descriptors) == connections)
  }

  @Test func `who goes away is not waited for`() async throws {
    let client = try Client()
    #expect(try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n") == "")
    client.channel.pipeline.fireChannelInactive()
    try await eventually("the handler is cancelled") {
      client.channel.embeddedEventLoop.run()
      return client.gate.wasCancelled
    }
  }

  @Test func `HEAD has the headers of GET and no body`() throws {
    let client = try Client()
    let answer = try client.send("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(answer.contains("\r\nContent-Length: 10\r\n"))
    #expect(answer.hasSuffix("\r\n\r\n"))
  }

  @Test func `an answer without a body says nothing of its length`() throws {
    let answer = try Client().send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(answer.hasPrefix("HTTP/1.1 204 No Content\r\n"))
    #expect(!answer.contains("Content-Length"))
  }

  @Test(arguments: [
    ("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false), ("GET /echo HTTP/1.0\r\nHost: a\r\n\r\n", false),
    ("GET /echo HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", true),
  ])
  func `the connection ends if the client wants it so`(request: String, stays: Bool) throws {
    let client = try Client()
    let answer = try client.send(request)
    #expect(answer.contains(stays ? "\r\nConnection: keep-alive\r\n" : "\r\nConnection: close\r\n"))
    #expect(client.hasClosedItsSide == !stays)
  }

  @Test func `a client that asks before it sends its body is told to go on`() throws {
    let client = try Client()
    let headers = "Host: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    #expect(try client.send("POST /echo HTTP/1.1\r\n\(headers)") == "HTTP/1.1 100 Continue\r\n\r\n")
    #expect(try client.send("body").hasSuffix("POST /echo body"))
  }

  // MARK: Clients that are given up

  @Test func `who connects and sends nothing is given up after fifteen seconds`() throws {
    let client = try Client()
    #expect(try client.pass(.seconds(14)) == "")
    try client.expectLast(408, "request_timeout", client.pass(.seconds(1)))
  }

  @Test func `who sends a part and not the rest is given up, counted from the connection's opening`() throws {
    let client = try Client()
    _ = try client.pass(.seconds(10))
    _ = try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nb")
    try client.expectLast(408, "request_timeout", client.pass(.seconds(5)))
  }

  @Test func `a later request has its own fifteen seconds, from its head`() throws {
    let client = try Client()
    _ = try client.send(get)
    _ = try client.pass(.seconds(60))
    #expect(client.isOpen)
    #expect(try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n") == "")
    #expect(try client.pass(.seconds(14)) == "")
    try client.expectLast(408, "request_timeout", client.pass(.seconds(1)))
  }

  @Test func `who asks nothing more is let go without a word`() throws {
    let client = try Client()
    _ = try client.send(get)
    #expect(try client.pass(.seconds(74)) == "")
    #expect(client.isOpen)
    #expect(try client.pass(.seconds(1)) == "")
    #expect(!client.isOpen)
  }

  @Test func `an answer may take its time`() throws {
    let client = try Client()
    _ = try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.pass(.hours(1)) == "")
    #expect(client.isOpen)
  }

  @Test func `the last answer leaves the client two seconds to close its side`() throws {
    let client = try Client()
    _ = try client.send("nonsense\r\n\r\n")
    #expect(client.isOpen)
    _ = try client.pass(.seconds(1))
    #expect(client.isOpen)
    _ = try client.pass(.seconds(1))
    #expect(!client.isOpen)
  }

  @Test(arguments: [
    "X: \(String(repeating: "x", count: 17_000))\r\n", "\(String(repeating: "x", count: 17_000)): x\r\n",
    (0..<20).map { "X\($0): \(String(repeating: "x", count: 1000))\r\n" }.joined(), (0..<101).map { "X\($0): x\r\n" }.joined(),
  ])
  func `header fields that are too long or too many are a 431`(headers: String) throws {
    let client = try Client()
    try client.expectLast(431, "headers_too_large", client.send("GET /echo HTTP/1.1\r\nHost: a\r\n\(headers)\r\n"))
  }

  @Test func `a URI that is too long is a 414`() throws {
    let client = try Client()
    let longest = "/echo?\(String(repeating: "x", count: Limits.uriBytes - 6))"
    #expect(try client.send("GET \(longest) HTTP/1.1\r\nHost: a\r\n\r\n").hasPrefix("HTTP/1.1 200"))
    try client.expectLast(414, "uri_too_long", client.send("GET \(longest)x HTTP/1.1\r\nHost: a\r\n\r\n"))
  }

  @Test func `a body that is too large is a 413, whether it was announced or not`() throws {
    let body = String(repeating: "x", count: Limits.bodyBytes)
    let head = "POST /count HTTP/1.1\r\nHost: a\r\n"
    let client = try Client()
    #expect(try client.send("\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)").hasSuffix("\r\n\r\n\(body.utf8.count)"))
    try client.expectLast(
      413, "body_too_large", client.send("\(head)Content-Length: \(body.utf8.count + 1)\r\n\r\n"))
    let other = try Client()
    let chunk = "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n"
    try other.expectLast(
      413, "body_too_large", other.send("\(head)Transfer-Encoding: chunked\r\n\r\n\(chunk)1\r\nx\r\n0\r\n\r\n"))
  }

  @Test(arguments: [
    "hello\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/3.0\r\n\r\n",
    "GET nothing HTTP/1.1\r\nHost: a\r\n\r\n",
    "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    // How a request is smuggled through a proxy.
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
  ])
  func `what is no HTTP is a 400`(request: String) throws {
    let client = try Client()
    try client.expectLast(400, "validation_failed", client.send(request))
  }

  @Test func `after the last answer nothing more is answered`() throws {
    let client = try Client()
    _ = try client.send("nonsense\r\n\r\n")
    #expect(try client.send(get) == "")
    let other = try Client()
    let answer = try other.send("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\(get)")
    #expect(answer.components(between: "\r\n\r\n", and: "HTTP/1.1") == ["GET /echo "])
  }

  @Test(arguments: ["nonsense\r\n\r\n", "GET /echo HTTP/1.1\r\nX: \(String(repeating: "x", count: 140_000))\r\n\r\n"])
  func `what is no HTTP takes no answer from the request before it, which is the last one then`(rest: String) async throws {
    let client = try Client()
    #expect(try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n\(rest)") == "")
    #expect(try client.send(rest) == "")
    #expect(client.reads == 0)
    client.gate.open()
    let answer = try await client.nextAnswer()
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.contains("\r\nConnection: close\r\n"))
    #expect(answer.components(between: "\r\n\r\n", and: "HTTP/1.1") == ["waited"])
    #expect(client.hasClosedItsSide)
    #expect(try client.send(get) == "")
    #expect(client.isOpen, "the client has the time to read its answer")
  }

  @Test func `random bytes are answered or waited for, and never stop the process`() throws {
    var generator = SeededGenerator(seed: 6)
    for _ in 0..<2000 {
      var bytes = Array("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}".utf8)
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: .min ... .max, using: &generator)
      }
      let answer = try Client().send(bytes: bytes)
      #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 "))
    }
  }

  // MARK: Shutting down

  @Test func `a connection that is not in use is closed when the server stops, one in use after its answer`() async throws {
    let idle = try Client()
    _ = try idle.send(get)
    idle.stopServer()
    #expect(!idle.isOpen)

    let busy = try Client()
    _ = try busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
    busy.stopServer()
    busy.gate.open()
    #expect(try await busy.nextAnswer().contains("\r\nConnection: close\r\n"))
  }

  @Test func `the date is written as HTTP wants it`() {
    #expect(HTTPDate.text(of: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
  }

  @Test func `the date goes on`() async throws {
    let date = HTTPDate.now()
    try await eventually("a later date") { HTTPDate.now() != date }
  }
}
