import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

struct ConnectionLimitTests {
  /// Stands where the network would be.
  private final class Reads: ChannelOutboundHandler {
    typealias OutboundIn = Never
    var count = 0

    func read(context: ChannelHandlerContext) {
      count += 1
      context.read()
    }
  }

  @Test func `there are as many connections as may be, and another whenever one is closed`() throws {
    let reads = Reads()
    let server = EmbeddedChannel(handlers: [reads, ConnectionLimit(2)])
    func accept() throws -> EmbeddedChannel {
      let connection = EmbeddedChannel(loop: server.embeddedEventLoop)
      try server.writeInbound(connection as any Channel)
      server.pipeline.read()
      return connection
    }
    func close(_ connection: EmbeddedChannel) throws {
      try connection.close().wait()
      server.embeddedEventLoop.run()
    }
    // One after the other there may be any number.
    for _ in 0..<5 { try close(accept()) }
    #expect(reads.count == 5)
    let first = try accept()
    #expect(reads.count == 6)
    let second = try accept()
    #expect(reads.count == 6, "there are two")
    try close(first)
    #expect(reads.count == 7)
    try close(second)
    #expect(reads.count == 7, "it reads already")
  }

  @Test func `where more were accepted at once than may be, others are only when fewer are left`() throws {
    let reads = Reads()
    let server = EmbeddedChannel(handlers: [reads, ConnectionLimit(2)])
    let connections = (0..<4).map { _ in EmbeddedChannel(loop: server.embeddedEventLoop) }
    for connection in connections { try server.writeInbound(connection as any Channel) }
    server.pipeline.read()
    for (connection, expected) in zip(connections, [0, 0, 1, 1]) {
      try connection.close().wait()
      server.embeddedEventLoop.run()
      #expect(reads.count == expected)
    }
  }
}
