import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import Testing

@testable import Gateway

/// On an event loop whose time the test moves.
struct RequestGuardTests {
  private let head = HTTPRequestPart.head(HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: "/"))

  @Test func `requests pass untouched`() throws {
    let connection = try Connection()
    try connection.channel.writeInbound(head)
    try connection.channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "body")))
    try connection.channel.writeInbound(HTTPRequestPart.end(nil))
    #expect(try connection.passedOn() == 3)
    connection.pass(.hours(1))
    #expect(try connection.answer() == nil)
    #expect(connection.channel.isActive)
  }

  @Test func `who connects and sends nothing is given up after fifteen seconds`() throws {
    let connection = try Connection()
    connection.pass(.seconds(14))
    #expect(try connection.answer() == nil)
    connection.pass(.seconds(1))
    #expect(try connection.answer() == Answer(408, "request_timeout"))
  }

  @Test func `who sends the head and not the rest is given up, counted from the connection's opening`() throws {
    let connection = try Connection()
    connection.pass(.seconds(10))
    try connection.channel.writeInbound(head)
    try connection.channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: "b")))
    connection.pass(.seconds(5))
    #expect(try connection.answer() == Answer(408, "request_timeout"))
  }

  @Test func `a later request has its own fifteen seconds, from its head`() throws {
    let connection = try Connection()
    try connection.channel.writeInbound(head)
    try connection.channel.writeInbound(HTTPRequestPart.end(nil))
    connection.pass(.seconds(60))
    try connection.channel.writeInbound(head)
    connection.pass(.seconds(14))
    #expect(try connection.answer() == nil)
    #expect(try connection.passedOn() == 3)
    connection.pass(.seconds(1))
    #expect(try connection.answer() == Answer(408, "request_timeout"))
  }

  @Test func `header fields that are too large are a 431`() throws {
    let connection = try Connection()
    connection.channel.pipeline.fireErrorCaught(HTTPParserError.headerOverflow)
    #expect(try connection.answer() == Answer(431, "headers_too_large"))
  }

  @Test(arguments: [HTTPParserError.invalidMethod, .invalidVersion, .invalidConstant, .invalidContentLength])
  func `what is no HTTP is a 400`(error: HTTPParserError) throws {
    let connection = try Connection()
    connection.channel.pipeline.fireErrorCaught(error)
    #expect(try connection.answer() == Answer(400, "validation_failed"))
  }

  @Test func `after it gave up it says nothing more and lets nothing more through`() throws {
    let connection = try Connection()
    connection.channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
    _ = try connection.answer()
    connection.channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
    connection.channel.pipeline.fireChannelRead(head)
    connection.pass(.hours(1))
    #expect(try connection.answer() == nil)
    #expect(try connection.passedOn() == 0)
  }

  @Test func `other errors are others' business`() throws {
    let connection = try Connection()
    connection.channel.pipeline.fireErrorCaught(ChannelError.alreadyClosed)
    #expect(throws: ChannelError.self) { try connection.channel.throwIfErrorCaught() }
    #expect(try connection.answer() == nil)
    #expect(connection.channel.isActive)
  }
}

/// A connection with a guard. It belongs to the thread that makes it, so each test makes its own.
private struct Connection {
  let channel = EmbeddedChannel()

  init() throws {
    try channel.pipeline.syncOperations.addHandler(RequestGuard())
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
  }

  func pass(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

  /// What was answered instead of the handlers; nil if nothing was.
  func answer() throws -> Answer? {
    guard case .head(let head)? = try channel.readOutbound(as: HTTPResponsePart.self) else { return nil }
    guard case .body(let buffer)? = try channel.readOutbound(as: HTTPResponsePart.self),
      case .end? = try channel.readOutbound(as: HTTPResponsePart.self),
      case .object(let members) = try JSONParser.parse(Array(buffer.readableBytesView))
    else {
      Issue.record("the answer is not whole")
      return nil
    }
    #expect(head.headerFields[.contentType] == "application/problem+json")
    #expect(head.headerFields[.contentLength] == "\(buffer.readableBytes)")
    return Answer(
      status: head.status.code, code: members.first { $0.key == "code" }?.value,
      isLast: head.headerFields[.connection] == "close" && !channel.isActive)
  }

  /// How many parts of requests came through to the handlers.
  func passedOn() throws -> Int {
    var count = 0
    while try channel.readInbound(as: HTTPRequestPart.self) != nil { count += 1 }
    return count
  }
}

private struct Answer: Equatable {
  var status: Int
  var code: JSONValue?
  /// Whether the connection says that it is closed, and is.
  var isLast: Bool

  init(status: Int, code: JSONValue?, isLast: Bool) {
    self.status = status
    self.code = code
    self.isLast = isLast
  }

  /// The last answer on a connection.
  init(_ status: Int, _ code: String) { self.init(status: status, code: .string(code), isLast: true) }
}
