import NIOHTTP1

extension HTTPRequestHead {
  /// Why it is refused before anything else of the request is taken; nil if it is not.
  func flaw(_ fields: HeaderFields) -> Problem? {
    if fields.bytes > Limits.headerBytes { return .headersTooLarge }
    if uri.utf8.count > Limits.uriBytes { return .uriTooLong }
    // RFC 9112, 3.2: two servers that chose different ones would not see the same request.
    if fields.hosts > 1 || fields.hosts == 0 && version == .http1_1 { return .noHost }
    if method == .CONNECT { return .noProxy }
    if let length = fields.contentLength.flatMap({ Int($0) }), length > Limits.bodyBytes { return .bodyTooLarge }
    return nil
  }

  /// Whether nothing may come behind the request. There is no other protocol here, and one that asks for it is answered in this one; but
  /// the parser takes what follows for the other's.
  func isLast(_ fields: HeaderFields) -> Bool { !isKeepAlive || fields.upgrade != nil }
}
