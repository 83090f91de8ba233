import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import TestSupport
import Testing

@testable import Gateway

/// What clients send that is no request, byte by byte: through the parser to the guard behind it.
struct WireTests {
  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?y=%20 HTTP/1.1\r\nHost: a\r\nX: é\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
  ])
  func `a request passes`(request: String) throws {
    let (answer, parts) = try send(request)
    #expect(answer == "")
    #expect(parts == 2)
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 17_000))\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "x", count: 17_000)): x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\((0..<20).map { "X\($0): \(String(repeating: "x", count: 1000))\r\n" }.joined())\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\((0..<101).map { "X\($0): x\r\n" }.joined())\r\n",
  ])
  func `header fields that are too long or too many are a 431`(request: String) throws {
    let (answer, parts) = try send(request)
    #expect(answer.hasPrefix("HTTP/1.1 431 "))
    #expect(answer.hasSuffix("}"))
    #expect(answer.contains(#""code":"headers_too_large""#))
    #expect(parts == 0)
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
    let (answer, _) = try send(request)
    #expect(answer.hasPrefix("HTTP/1.1 400 "))
    #expect(answer.contains(#""code":"validation_failed""#))
    #expect(answer.lowercased().contains("connection: close"))
  }

  @Test func `random bytes are answered or waited for, and never stop the process`() throws {
    var generator = SeededGenerator(seed: 6)
    for _ in 0..<2000 {
      var bytes = Array("POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}".utf8)
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: .min ... .max, using: &generator)
      }
      let (answer, _) = try send(String(decoding: bytes, as: UTF8.self))
      #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"))
    }
  }

  /// The guard's answer, if it gave one, and how many parts of requests came through. An answer means that the connection is closed.
  private func send(_ text: String) throws -> (answer: String, parts: Int) {
    let channel = EmbeddedChannel()
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = Limits.headerBytes
    limits.maxHeaderListSize = Limits.headerBytes
    limits.maxHeaderFieldCount = Limits.headerFields
    let pipeline = channel.pipeline.syncOperations
    // As Hummingbird builds it.
    try pipeline.configureHTTPServerPipeline(
      withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
      withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
    try pipeline.addHandlers([HTTP1ToHTTPServerCodec(secure: false), RequestGuard()])
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try channel.writeInbound(ByteBuffer(string: text))
    var answer = ""
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) { answer += String(buffer: buffer) }
    var parts = 0
    while try channel.readInbound(as: HTTPRequestPart.self) != nil { parts += 1 }
    #expect(channel.isActive == answer.isEmpty)
    if channel.isActive { _ = try channel.finish(acceptAlreadyClosed: true) }
    return (answer, parts)
  }
}
