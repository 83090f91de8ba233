import NIOCore
import NIOHTTP1

/// What a request begins with: its line and its header fields.
struct RequestHead: Equatable, Sendable {
  var method: HTTPMethod
  /// As it was sent.
  var target: String
  var version: HTTPVersion
  var fields: HeaderFields
  /// Whether the client wants the connection for more requests.
  var isKeepAlive: Bool

  /// Why it is refused before anything else of the request is taken; nil if it is not.
  var flaw: Problem? {
    if fields.bytes > Limits.headerBytes { return .headersTooLarge }
    if target.utf8.count > Limits.uriBytes { return .uriTooLong }
    // RFC 9112, 3.2: two servers that chose different ones would not see the same request.
    if fields.hosts > 1 || fields.hosts == 0 && version == .http1_1 { return .noHost }
    if method == .CONNECT { return .noProxy }
    if let length = fields.contentLength.flatMap({ Int($0) }), length > Limits.bodyBytes { return .bodyTooLarge }
    return nil
  }

  /// Whether nothing may come behind the request. There is no other protocol here, and one that asks for it is answered in this one; but
  /// the parser takes what follows for the other's.
  var isLast: Bool { !isKeepAlive || fields.upgrade != nil }
}

/// A request comes in parts: its head, its body in none, one or more, and its end.
enum RequestPart {
  case head(RequestHead)
  case body(ByteBuffer)
  case end

  /// As NIO's parser gives it.
  init(_ part: HTTPServerRequestPart) {
    switch part {
    case .head(let head):
      self = .head(
        RequestHead(
          method: head.method, target: head.uri, version: head.version, fields: HeaderFields(head.headers),
          isKeepAlive: head.isKeepAlive))
    case .body(let bytes): self = .body(bytes)
    case .end: self = .end
    }
  }
}
