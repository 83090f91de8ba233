import NIOCore
import NIOHTTP1

/// A request that has arrived whole.
struct Request: Sendable {
  /// What its copies share, of which there are several on its way.
  private final class Head: Sendable {
    let method: HTTPMethod
    let path: Substring
    let query: Substring
    let fields: HeaderFields
    let address: String?

    init(_ method: HTTPMethod, path: Substring, query: Substring, _ fields: HeaderFields, address: String?) {
      self.method = method
      self.path = path
      self.query = query
      self.fields = fields
      self.address = address
    }
  }

  /// What the route's path calls `{name}`.
  struct Parameter: Sendable {
    var name: String
    var value: Substring
  }

  private let head: Head
  var body: ByteBuffer
  /// What the route's path has in it.
  var parameters: [Parameter] = []

  var method: HTTPMethod { head.method }
  /// The path as it was sent, without the query.
  var path: Substring { head.path }
  var fields: HeaderFields { head.fields }
  /// Where the request came from, as text; nil where that is not known.
  var address: String? { head.address }

  init(
    method: HTTPMethod, target: String, fields: HeaderFields, body: ByteBuffer = ByteBuffer(), address: String? = nil
  ) {
    let (path, query) = Self.parts(of: target)
    head = Head(method, path: path, query: query, fields, address: address)
    self.body = body
  }

  private static func parts(of target: String) -> (path: Substring, query: Substring) {
    var target = target[...]
    // A proxy may ask with the whole URI (RFC 9112, 3.2.2).
    if target.utf8.first != UInt8(ascii: "/") {
      for scheme in ["http://", "https://"] where target.hasPrefix(scheme) {
        target = target.dropFirst(scheme.count).drop { $0 != "/" && $0 != "?" }
      }
    }
    guard let mark = target.withBytes({ $0.firstIndex(of: UInt8(ascii: "?")) }) else { return (target, "") }
    let path = target.part(0..<mark)
    return (path, target[path.endIndex...].dropFirst())
  }

  /// The first value that the query gives this name.
  func parameter(_ name: String) -> String? {
    for pair in head.query.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts[0] == name { return parts.count == 2 ? Self.decodePercents(in: parts[1]) : "" }
    }
    return nil
  }

  /// What is no valid escape stays as it is.
  private static func decodePercents(in text: Substring) -> String {
    if !text.utf8.contains(UInt8(ascii: "%")) { return String(text) }
    var decoded: [UInt8] = []
    var rest = Substring(text).utf8
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = byteEscaped(by: rest.prefix(2)) {
        decoded.append(value)
        rest = rest.dropFirst(2)
      } else {
        decoded.append(byte)
      }
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  private static func byteEscaped(by digits: Substring.UTF8View.SubSequence) -> UInt8? {
    // A sign before a digit would be read as well.
    guard digits.count == 2, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
    return UInt8(Substring(digits), radix: 16)
  }
}

extension Character {
  /// Whether it is white space in a header field's value.
  var isBlank: Bool { self == " " || self == "\t" }
}

/// A response, whole.
struct Response: Sendable {
  var status: HTTPResponseStatus
  var headers: ResponseHeaders = [:]
  var body: [UInt8] = []

  static func json(_ bytes: [UInt8], status: HTTPResponseStatus = .ok, headers: ResponseHeaders = [:]) -> Response {
    var headers = headers
    headers.add(name: "Content-Type", value: "application/json")
    return Response(status: status, headers: headers, body: bytes)
  }

  /// The representation, or `304` if the client has it.
  static func conditional(_ bytes: @autoclosure () -> [UInt8], tag: String, to request: Request, headers: ResponseHeaders = [:])
    -> Response
  {
    var headers = headers
    headers.add(name: "ETag", value: tag)
    if request.has(tag) { return Response(status: .notModified, headers: headers) }
    return json(bytes(), headers: headers)
  }
}
