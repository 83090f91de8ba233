import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Pipeline
import Ticketing

extension Request {
  /// The body as JSON.
  func json() async throws -> JSONValue {
    let type = headers[.contentType]?.split(separator: ";").first.map { $0.lowercased().filter { $0 != " " } }
    guard type == "application/json" else {
      throw Problem(.unsupportedMediaType, "Send the body as application/json.")
    }
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > Limits.bodyBytes { throw Self.tooLarge }
    let buffer: ByteBuffer
    do {
      buffer = try await body.collect(upTo: Limits.bodyBytes)
    } catch is NIOTooManyBytesError {
      throw Self.tooLarge
    }
    do {
      return try JSONParser.parse(Array(buffer.readableBytesView))
    } catch {
      throw Problem(.malformedJSON, "At byte \(error.offset): \(error.message).")
    }
  }

  private static var tooLarge: Problem {
    var problem = Problem(.bodyTooLarge, "A body may have \(Limits.bodyBytes) bytes.")
    // What remains of the body is not read.
    problem.headers[.connection] = "close"
    return problem
  }

  /// The client's own name for this request, bare or quoted.
  func idempotencyKey() throws -> String {
    guard var key = headers[.idempotencyKey]?[...] else {
      throw Problem(
        .idempotencyKeyMissing, "Send an Idempotency-Key header of your choice, and the same one when you repeat the request.")
    }
    if key.count >= 2, key.first == "\"", key.last == "\"" { key = key.dropFirst().dropLast() }
    guard !key.isEmpty else { throw Problem(.idempotencyKeyMissing, "The Idempotency-Key header is empty.") }
    guard key.unicodeScalars.count <= 255 else { throw Problem.badParameter("Idempotency-Key", "must have 1 to 255 characters") }
    return String(key)
  }

  /// The seconds of `Prefer: wait=N` (RFC 7240), at most ``Limits/waitSeconds``; nil without one.
  var preferredWait: Int? {
    for preference in (headers[.prefer] ?? "").split(separator: ",") {
      // What is behind a semicolon are the preference's own parameters.
      let parts = preference.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1).map {
        $0.filter { $0 != " " && $0 != "\"" }
      }
      if parts.count == 2, parts[0].lowercased() == "wait", let seconds = Int(parts[1]), seconds >= 0 {
        return min(seconds, Limits.waitSeconds)
      }
    }
    return nil
  }

  /// Whether the client already has what this entity tag stands for (RFC 9110, 13.1.2: compared weakly).
  func has(_ tag: String) -> Bool {
    guard let known = headers[.ifNoneMatch] else { return false }
    let opaque = tag.trimmingPrefix("W/")
    return known.split(separator: ",").contains { candidate in
      let candidate = candidate.filter { $0 != " " }
      return candidate == "*" || candidate.trimmingPrefix("W/") == opaque
    }
  }

  // MARK: Pages

  func pageLimit() throws -> Int {
    guard let text = uri.queryParameters["limit"] else { return Limits.defaultPage }
    guard let limit = Int(text), Limits.page.contains(limit) else {
      throw Problem.invalid([FieldError(pointer: "limit", detail: "must be a whole number from 1 to 100")])
    }
    return limit
  }

  func cursor() throws -> PageMark? {
    guard let text = uri.queryParameters["cursor"] else { return nil }
    guard let mark = PageMark(cursor: String(text)) else {
      throw Problem.invalid([FieldError(pointer: "cursor", detail: "must be the next_cursor of the page before")])
    }
    return mark
  }

  func flag(_ name: String) throws -> Bool {
    switch uri.queryParameters[Substring(name)] {
    case nil, "false": return false
    case "true": return true
    default: throw Problem.invalid([FieldError(pointer: name, detail: "must be true or false")])
    }
  }
}

extension PageMark {
  /// Opaque to clients: the time and the id in hexadecimal.
  var cursor: String { "\(String(UInt64(bitPattern: time.microseconds), radix: 16))-\(EventID(id))" }

  init?(cursor: String) {
    let parts = cursor.split(separator: "-", maxSplits: 1)
    guard parts.count == 2, let bits = UInt64(parts[0], radix: 16), let id = EventID(parts[1]) else { return nil }
    let time = Timestamp(microseconds: Int64(bitPattern: bits))
    guard Timestamp.representable.contains(time) else { return nil }
    self.init(time: time, id: id.rawValue)
  }
}

extension GatewayContext {
  /// A UUID from the path.
  func identifier<ID: Identifier>(_ name: String, as type: ID.Type = ID.self) throws -> ID {
    guard let text = parameters.get(name), let id = ID(text) else { throw Problem.badParameter(name, "must be a UUID") }
    return id
  }
}

extension HTTPField.Name {
  static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
  static let idempotentReplayed = HTTPField.Name("Idempotent-Replayed")!
  static let prefer = HTTPField.Name("Prefer")!
  static let preferenceApplied = HTTPField.Name("Preference-Applied")!
}

extension Response {
  static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
    var headers = headers
    headers[.contentType] = "application/json"
    return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  /// The representation, or `304` if the client has it.
  static func conditional(_ bytes: @autoclosure () -> [UInt8], tag: String, to request: Request, headers: HTTPFields = [:])
    -> Response
  {
    var headers = headers
    headers[.eTag] = tag
    if request.has(tag) { return Response(status: .notModified, headers: headers) }
    return json(bytes(), headers: headers)
  }
}
