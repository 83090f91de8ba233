import Testing

@testable import Gateway

/// What a request's first line and its `Host` must be, and what is said where they are not.
struct RequestLineTests {
  private func line(_ text: String) -> String { "\(text)\r\nHost: a\r\n\r\n" }

  // MARK: Host

  @Test(arguments: [("GET /echo HTTP/1.1", 0), ("GET /echo HTTP/1.1", 2), ("GET /echo HTTP/1.0", 2)])
  func `a request without Host, or with more than one, is a 400`(line: String, hosts: Int) throws {
    let client = try Client()
    let fields = (0..<hosts).map { "hOST: \($0)\r\n" }.joined()
    try client.expectLast(400, "validation_failed", client.send("\(line)\r\n\(fields)\r\n"))
  }

  @Test func `HTTP/1.0 needs no Host, and an empty one is one`() throws {
    #expect(try Client().send("GET /echo HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.1 200"))
    #expect(try Client().send("GET /echo HTTP/1.1\r\nHost:\r\n\r\n").hasPrefix("HTTP/1.1 200"))
  }

  // MARK: Methods

  @Test(arguments: ["FOO", "POSTS", "PUTIT", "BREW", "VERSION-CONTROL"])
  func `a method that nobody knows is a 405 with those that the path takes`(method: String) throws {
    let client = try Client()
    let answer = try client.send(line("\(method) /echo?x HTTP/1.1"))
    #expect(answer.contains("\r\nAllow: GET, HEAD, POST\r\n"))
    #expect(answer.contains("This path does not take \(method)."))
    try client.expectLast(405, "method_not_allowed", answer)
    #expect(try client.send(line("GET /echo HTTP/1.1")) == "")
  }

  @Test func `its line may come byte by byte, behind empty ones too`() throws {
    let client = try Client()
    var answer = ""
    for byte in "\r\n\r\nFOO /echo HTTP/1.1\r\n".utf8 {
      #expect(answer == "")
      answer = try client.send(bytes: [byte])
    }
    try client.expectLast(405, "method_not_allowed", answer)
  }

  @Test func `on a path that there is not, such a method is a 404 as any other`() throws {
    let client = try Client()
    try client.expectLast(404, "not_found", client.send(line("FOO /nowhere HTTP/1.1")))
  }

  @Test func `the request before it is answered first`() async throws {
    let client = try Client()
    _ = try client.send(line("GET /wait HTTP/1.1"))
    #expect(try client.send(line("FOO /echo HTTP/1.1")) == "")
    #expect(try client.send(line("GET /echo HTTP/1.1")) == "")
    client.gate.open()
    let answers = try await client.nextAnswer().components(between: "HTTP/1.1 ", and: " ")
    #expect(answers == ["200", "405"])
  }

  @Test(arguments: [
    "HELLO\r\n\r\n", "FOO /echo\r\n\r\n", "FOO  HTTP/1.1\r\n\r\n", "FOO /echo HTTP/2.0\r\n\r\n", "Foo /echo HTTP/1.1\r\n\r\n",
    "FOO /echo HTP/1.1\r\n\r\n", "F@O /echo HTTP/1.1\r\n\r\n", " FOO /echo HTTP/1.1\r\n\r\n",
  ])
  func `what only begins like a method that nobody knows is a 400`(request: String) throws {
    let client = try Client()
    try client.expectLast(400, "validation_failed", client.send(request))
  }

  @Test func `of a line with such a method no more is kept than of any other`() throws {
    let client = try Client()
    try client.expectLast(414, "uri_too_long", client.send("FOO /\(String(repeating: "x", count: Limits.uriBytes))"))
  }

  // MARK: Changes of the protocol

  @Test(arguments: ["", "body"])
  func `a request for another protocol is answered in this one, and is the last`(body: String) throws {
    let client = try Client()
    let answer = try client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.contains("\r\nConnection: close\r\n"))
    #expect(answer.hasSuffix("\r\n\r\nPOST /echo \(body)"))
    #expect(client.hasClosedItsSide)
    #expect(try client.send(line("GET /echo HTTP/1.1")) == "")
  }

  @Test func `what comes behind such a request is neither gathered nor read on`() async throws {
    let client = try Client()
    let much = String(repeating: "x", count: 1 << 20)
    #expect(try client.send("GET /wait HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n") == "")
    #expect(client.reads == 1)
    #expect(try client.send(much) == "")
    #expect(try client.send(much) == "")
    #expect(client.reads == 1)
    client.gate.open()
    let answer = try await client.nextAnswer()
    #expect(answer.contains("\r\nConnection: close\r\n"))
    #expect(answer.hasSuffix("\r\n\r\nwaited"))
    #expect(try client.send(much) == "")
    #expect(client.reads > 1, "what the client has sent is read, so that it gets its answer")
  }

  @Test func `who wants a tunnel is refused`() throws {
    let client = try Client()
    try client.expectLast(400, "validation_failed", client.send("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"))
    #expect(try client.send(String(repeating: "x", count: 1 << 20)) == "")
  }

  // MARK: Lengths

  @Test(arguments: [9000, 140_000], [1000, 1_000_000])
  func `a URI that is too long is a 414, however long it is and however it comes`(length: Int, piece: Int) throws {
    for (method, hasBody) in [("GET", true), ("HEAD", false)] {
      let client = try Client()
      let answer = try send(line("\(method) /\(String(repeating: "x", count: length)) HTTP/1.1"), to: client, by: piece)
      try client.expectLast(414, "uri_too_long", answer, hasBody: hasBody)
    }
  }

  @Test(arguments: [17_000, 140_000], [1000, 1_000_000])
  func `a header that is too large is a 431, however large it is and however it comes`(length: Int, piece: Int) throws {
    for (method, hasBody) in [("GET", true), ("HEAD", false)] {
      let client = try Client()
      let uri = "/\(String(repeating: "x", count: 5000))"
      let answer = try send(
        line("\(method) \(uri) HTTP/1.1\r\nX: \(String(repeating: "x", count: length))"), to: client, by: piece)
      try client.expectLast(431, "headers_too_large", answer, hasBody: hasBody)
    }
  }

  private func send(_ text: String, to client: Client, by piece: Int) throws -> String {
    let bytes = Array(text.utf8)
    return try stride(from: 0, to: bytes.count, by: piece).reduce(into: "") { answer, start in
      answer += try client.send(bytes: Array(bytes[start...].prefix(piece)))
    }
  }
}
