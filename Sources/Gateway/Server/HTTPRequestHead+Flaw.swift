import NIOHTTP1

extension HTTPRequestHead {
  /// Why it is refused before anything else of the request is taken; nil if it is not.
  /// - Parameter isLast: set if nothing may come behind the request.
  func flaw(_ isLast: inout Bool) -> Problem? {
    if !isKeepAlive { isLast = true }
    var (headerBytes, hosts, bodyBytes) = (0, 0, 0)
    for (name, value) in headers {
      headerBytes += name.utf8.count + value.utf8.count
      if HTTPHeaders.isSame("host", name) { hosts += 1 }
      // There is no other protocol here: the request is answered in this one. But the parser takes what follows for the other's.
      if HTTPHeaders.isSame("upgrade", name) { isLast = true }
      if HTTPHeaders.isSame("content-length", name) { bodyBytes = Int(value) ?? 0 }
    }
    if headerBytes > Limits.headerBytes { return .headersTooLarge }
    if uri.utf8.count > Limits.uriBytes { return .uriTooLong }
    // RFC 9112, 3.2: two servers that chose different ones would not see the same request.
    if hosts > 1 || hosts == 0 && version == .http1_1 { return .noHost }
    if method == .CONNECT { return .noProxy }
    if bodyBytes > Limits.bodyBytes { return .bodyTooLarge }
    return nil
  }
}
