import Foundation
import NIOCore
import NIOHTTP1

/// Turns requests into calls of ``FakeTicketHub/reply(_:_:_:_:)``.
final class FakeHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let fake: FakeTicketHub
  private var head: HTTPRequestHead?
  private var body = Data()

  init(_ fake: FakeTicketHub) { self.fake = fake }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): (self.head, body) = (head, Data())
    case .body(let part): body.append(contentsOf: part.readableBytesView)
    case .end:
      guard let head else { return }
      let reply = fake.reply(head.method, head.uri, head.headers, body)
      let channel = context.channel
      if reply.breaks { return channel.close(promise: nil) }
      guard let json = try? JSONSerialization.data(withJSONObject: reply.body) else { return channel.close(promise: nil) }
      var headers = HTTPHeaders([("Content-Type", "application/json"), ("Content-Length", "\(json.count)")])
      if let seconds = reply.retryAfter { headers.add(name: "Retry-After", value: "\(seconds)") }
      if reply.waited { headers.add(name: "Preference-Applied", value: "wait") }
      let closes = fake.behaviour.closesAfterEach
      if closes { headers.add(name: "Connection", value: "close") }
      let response = HTTPResponseHead(version: .http1_1, status: .init(statusCode: reply.status), headers: headers)
      context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(reply.delay)) {
        channel.write(HTTPServerResponsePart.head(response), promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: json))), promise: nil)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
        if closes { channel.close(promise: nil) }
      }
    }
  }
}

func withFake<Value>(
  _ behaviour: Behaviour = Behaviour(), _ body: (FakeTicketHub, String) async throws -> Value
) async throws -> Value {
  let fake = FakeTicketHub(behaviour)
  let url = try await fake.start()
  let result: Result<Value, any Error>
  do { result = .success(try await body(fake, url)) } catch { result = .failure(error) }
  try await fake.stop()
  return try result.get()
}
