import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

/// How connections end: with clients that say nothing more, with slow ones, and with too many bytes at once.
struct ConnectionEndTests {
  private let get = "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
  private let last = "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

  private func wait(_ method: String = "GET", _ field: String = "") -> String {
    "\(method) /wait HTTP/1.1\r\nHost: a\r\n\(field)\r\n"
  }

  // MARK: Clients that say nothing more

  @Test(arguments: [("GET", ""), ("POST", ""), ("POST", "Prefer: wait=30\r\n")])
  func `who has said all is answered all the same, and then the connection ends`(method: String, field: String) async throws {
    let client = try Client()
    #expect(try client.send(wait(method, field)) == "")
    client.closeOutput()
    #expect(client.isOpen)
    client.gate.open()
    #expect(try await client.nextAnswer().hasSuffix("\r\n\r\nwaited"))
    #expect(!client.gate.wasCancelled)
    #expect(!client.isOpen)
  }

  @Test func `all that was asked before is answered`() async throws {
    let client = try Client()
    #expect(try client.send(wait() + get + get) == "")
    client.closeOutput()
    client.gate.open()
    let answer = try await client.nextAnswer()
    #expect(answer.components(between: "\r\n\r\n", and: "HTTP/1.1") == ["waited", "GET /echo ", "GET /echo "])
    #expect(!client.isOpen)
  }

  @Test func `a part of a request behind it is let go`() async throws {
    let client = try Client()
    #expect(try client.send(wait() + "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nb") == "")
    client.closeOutput()
    client.gate.open()
    #expect(try await client.nextAnswer().components(between: "\r\n\r\n", and: "HTTP/1.1") == ["waited"])
    #expect(!client.isOpen)
  }

  @Test func `what would be held is not, for the client may be gone`() async throws {
    for isTakenLater in [false, true] {
      let client = try Client()
      client.channel.isWritable = !isTakenLater
      #expect(try client.send(wait("GET", "Prefer: wait=30\r\n")) == "")
      client.closeOutput()
      client.channel.isWritable = true
      client.channel.pipeline.fireChannelWritabilityChanged()
      #expect(try await client.nextAnswer().hasSuffix("\r\n\r\nwaited"))
      #expect(client.gate.wasCancelled)
      #expect(!client.isOpen)
    }
  }

  @Test(arguments: [
    "", "GET /echo HTTP/1.1\r\nHos", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nb", "FO", "FOO /ec",
  ])
  func `who says nothing more before its request is whole is let go without a word`(start: String) throws {
    let client = try Client()
    #expect(try client.send(get).hasSuffix("GET /echo "))
    #expect(try client.send(start) == "")
    client.closeOutput()
    #expect(try client.pass(.zero) == "")
    #expect(!client.isOpen)
  }

  @Test func `an answer that is on its way then gets there`() throws {
    let client = try Client()
    client.stopReading()
    #expect(try client.send(get) == "")
    client.closeOutput()
    #expect(try client.pass(.seconds(10)) == "")
    #expect(client.isOpen)
    #expect(try client.readOn().hasSuffix("GET /echo "))
    #expect(!client.isOpen)
  }

  // MARK: Clients that read slowly

  @Test func `who reads the last answer slowly has the time to, and then two seconds to close its side`() throws {
    let client = try Client()
    client.stopReading()
    #expect(try client.send(last) == "")
    #expect(try client.pass(.seconds(60)) == "")
    #expect(client.isOpen && !client.hasClosedItsSide)
    #expect(try client.readOn().hasSuffix("GET /echo "))
    #expect(client.hasClosedItsSide)
    _ = try client.pass(.seconds(1))
    #expect(client.isOpen)
    _ = try client.pass(.seconds(2))
    #expect(!client.isOpen)
  }

  @Test func `who does not read the last answer at all is let go`() throws {
    let client = try Client()
    client.stopReading()
    #expect(try client.send(last) == "")
    #expect(try client.pass(.seconds(76)) == "")
    #expect(!client.isOpen)
  }

  @Test func `a server that stops sends what it has answered, for ten seconds`() throws {
    for reads in [true, false] {
      for request in [get, last] {
        let client = try Client()
        client.stopReading()
        #expect(try client.send(request) == "")
        client.stopServer()
        _ = try client.pass(.seconds(9))
        #expect(client.isOpen)
        if reads {
          #expect(try client.readOn().hasSuffix("GET /echo "))
        } else {
          _ = try client.pass(.seconds(2))
          #expect(!client.isOpen)
        }
      }
    }
  }

  // MARK: Bodies

  private func post(_ path: String, _ length: Int) -> String {
    "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n"
  }

  @Test func `bodies that are more together than a loop takes are refused, until others are answered`() throws {
    let one = try Client(bodyBytes: 10)
    #expect(try one.send(post("/count", 8) + "1234567") == "")
    let other = try Client(beside: one)
    let refused = try other.send(post("/count", 4) + "1234")
    #expect(refused.contains("\r\nRetry-After: 2\r\n"))
    try other.expectLast(503, "overloaded", refused)
    #expect(try one.send("8").hasSuffix("\r\n\r\n8"))
    for _ in 0..<3 { #expect(try one.send(post("/count", 10) + "1234567890").hasSuffix("\r\n\r\n10")) }
  }

  @Test func `what a connection held is free again however it ends`() async throws {
    let one = try Client(bodyBytes: 10)
    let ends: [(Client) throws -> Void] = [
      { try $0.channel.close().wait() }, { $0.closeOutput() }, { _ = try $0.pass(.seconds(15)) },
    ]
    for end in ends {
      let other = try Client(beside: one)
      #expect(try other.send(post("/count", 10) + "123456789") == "")
      try end(other)
      let next = try Client(beside: one)
      #expect(try next.send(post("/count", 10) + "1234567890").hasSuffix("\r\n\r\n10"))
    }
    let waiting = try Client(beside: one)
    #expect(try waiting.send(post("/wait", 10) + "1234567890") == "")
    let refused = try Client(beside: one)
    try refused.expectLast(503, "overloaded", refused.send(post("/count", 1) + "1"))
    one.gate.open()
    #expect(try await waiting.nextAnswer().hasSuffix("\r\n\r\nwaited"))
    let next = try Client(beside: one)
    #expect(try next.send(post("/count", 10) + "1234567890").hasSuffix("\r\n\r\n10"))
  }
}
