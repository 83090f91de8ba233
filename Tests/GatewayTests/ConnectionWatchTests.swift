import Logging
import NIOCore
import NIOEmbedded
import Telemetry
import TestSupport
import Testing

@testable import Gateway

struct ConnectionWatchTests {
  private struct Connection {
    let channel: EmbeddedChannel
    let opened: Int
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `connections that come and go in any order are each given up in time, and no other is`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let eventLoop = EmbeddedEventLoop()
    let loop = ServingLoop(eventLoop, Responder(RouteTable(), metrics: MetricRegistry(), logger: .silent))
    var connections: [Connection] = []
    for second in 0..<160 {
      // Now and then none is left.
      for _ in 0..<(second / 40 % 2 == 0 ? Int.random(in: 0...5, using: &random) : 0) {
        let channel = EmbeddedChannel(handlers: [], loop: eventLoop)
        try channel.pipeline.syncOperations.addHTTP(HTTPConnection(loop))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        connections.append(Connection(channel: channel, opened: second))
      }
      for _ in 0..<min(connections.count, Int.random(in: 0...3, using: &random)) {
        let leaving = connections.remove(at: Int.random(in: connections.indices, using: &random))
        try leaving.channel.close().wait()
      }
      eventLoop.advanceTime(by: .seconds(1))
      // Fifteen seconds to ask something, two to close after the answer, and the look is once a second.
      for connection in connections {
        let age = second + 1 - connection.opened
        if age < 15 { #expect(connection.channel.isActive, "\(age) s old") }
        if age > 18 { #expect(!connection.channel.isActive, "\(age) s old") }
      }
      connections.removeAll { !$0.channel.isActive }
    }
    #expect(connections.isEmpty, "none came for forty seconds")
  }
}
