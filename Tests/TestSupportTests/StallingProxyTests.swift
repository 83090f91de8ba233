import Foundation
import Glibc
import TestSupport
import Testing

/// In front of a Redis, whose protocol can be spoken by hand.
@Suite struct StallingProxyTests {
  @Test func `what is said and answered passes`() async throws {
    let proxy = try await newProxy()
    let client = try Client(proxy.port)
    client.say("PING\r\n")
    #expect(await client.hear()?.isEmpty == false)
  }

  @Test func `while it stalls nothing passes, and afterwards everything does`() async throws {
    let proxy = try await newProxy()
    let client = try Client(proxy.port)
    proxy.behave(.stall)
    client.say("PING\r\n")
    #expect(await client.hear(for: 200) == nil)
    proxy.behave(.forward)
    #expect(await client.hear()?.isEmpty == false)
  }

  @Test func `it can stall in the middle of what a client says, and what was said before that passes`() async throws {
    let server = try await TestServer.shared(.redis)
    let password = try #require(URLComponents(string: server.url)?.password)
    let proxy = try StallingProxy(to: server.port)
    let (client, direct) = (try Client(proxy.port), try Client(server.port))
    direct.say("AUTH \(password)\r\n")
    #expect(await direct.hear() == "+OK\r\n")
    func pushed() async -> String? {
      direct.say("LLEN stalled\r\n")
      return await direct.hear()
    }
    proxy.behave(.stallBefore("two"))
    client.say("AUTH \(password)\r\nRPUSH stalled one\r\nRPUSH stalled two\r\n")
    try await eventually("the first is pushed") { await pushed() == ":1\r\n" }
    #expect(await client.hear(for: 200) == nil)
    #expect(await pushed() == ":1\r\n")
    proxy.behave(.forward)
    try await eventually("the second is pushed") { await pushed() == ":2\r\n" }
    #expect(await client.hear()?.isEmpty == false)
  }

  @Test func `answers are lost while it swallows them, and the connection with them`() async throws {
    let proxy = try await newProxy()
    let (client, other) = (try Client(proxy.port), try Client(proxy.port))
    proxy.behave(.swallowReplies)
    client.say("PING\r\n")
    #expect(await client.hear(for: 200) == nil)
    proxy.behave(.forward)
    #expect(await client.hear() == "")
    other.say("PING\r\n")
    #expect(await other.hear()?.isEmpty == false)
  }

  @Test func `a cut ends the connections that there are, also while it stalls, and no others`() async throws {
    let proxy = try await newProxy()
    let (client, stalled) = (try Client(proxy.port), try Client(proxy.port))
    for each in [client, stalled] {
      each.say("PING\r\n")
      #expect(await each.hear()?.isEmpty == false)
    }
    proxy.behave(.stall)
    stalled.say("PING\r\n")
    proxy.cut()
    #expect(await client.hear() == "")
    #expect(await stalled.hear() == "")
    proxy.behave(.forward)
    let next = try Client(proxy.port)
    next.say("PING\r\n")
    #expect(await next.hear()?.isEmpty == false)
  }

  private func newProxy() async throws -> StallingProxy { try StallingProxy(to: try await TestServer.shared(.redis).port) }
}

/// A connection to a port of loopback.
private final class Client: Sendable {
  private let descriptor: Int32

  init(_ port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(connectToLoopback(descriptor, port: port) == 0)
  }

  deinit { close(descriptor) }

  func say(_ text: String) { _ = send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }

  /// What comes next; empty at the end of the connection, nil if nothing comes.
  func hear(for milliseconds: Int32 = 20_000) async -> String? {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { [self] in
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, milliseconds) > 0 else { return continuation.resume(returning: nil) }
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        continuation.resume(returning: String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
      }
    }
  }
}
