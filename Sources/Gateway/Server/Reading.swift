import NIOCore
import NIOHTTP1
import Pipeline
import Ticketing

extension Request {
  /// The body as JSON.
  func json() throws(Problem) -> JSONValue {
    guard let type = fields.contentType, type == "application/json" || Self.isJSON(mediaType: type) else {
      throw Problem(.unsupportedMediaType, "Send the body as application/json.")
    }
    do {
      return try JSONParser.parse(Array(body.readableBytesView))
    } catch {
      throw Problem(.malformedJSON, "At byte \(error.offset): \(error.message).")
    }
  }

  private static func isJSON(mediaType: String) -> Bool {
    mediaType.split(separator: ";").first?.lowercased().filter { !$0.isBlank } == "application/json"
  }

  /// The client's own name for this request, bare or quoted.
  func idempotencyKey() throws -> String {
    guard let text = fields.idempotencyKey else {
      throw Problem(
        .idempotencyKeyMissing, "Send an Idempotency-Key header of your choice, and the same one when you repeat the request.")
    }
    let mark = UInt8(ascii: "\"")
    let isQuoted = text.utf8.count >= 2 && text.utf8.first == mark && text.utf8.last == mark
    let key = isQuoted ? String(text.dropFirst().dropLast()) : text
    guard !key.isEmpty else { throw Problem(.idempotencyKeyMissing, "The Idempotency-Key header is empty.") }
    // A character has a byte at least.
    if key.utf8.count > 255 && key.unicodeScalars.count > 255 {
      throw Problem.badParameter("Idempotency-Key", "must have 1 to 255 characters")
    }
    return key
  }

  /// The seconds of `Prefer: wait=N` (RFC 7240), at most ``Limits/waitSeconds``; nil without one.
  var preferredWait: Int? {
    for preference in (fields.prefer ?? "").split(separator: ",") {
      // What is behind a semicolon are the preference's own parameters.
      let parts = preference.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1).map {
        $0.filter { !$0.isBlank && $0 != "\"" }
      }
      if parts.count == 2, parts[0].lowercased() == "wait", let seconds = Int(parts[1]), seconds >= 0 {
        return min(seconds, Limits.waitSeconds)
      }
    }
    return nil
  }

  /// Whether the client already has what this entity tag stands for (RFC 9110, 13.1.2: compared weakly).
  func has(_ tag: String) -> Bool {
    guard let known = fields.ifNoneMatch else { return false }
    // Nearly all send what they were given. Taking it apart was an eighth of a 304.
    if known == tag { return true }
    let opaque = tag.trimmingPrefix("W/")
    return known.split(separator: ",").contains { candidate in
      let candidate = candidate.filter { !$0.isBlank }
      return candidate == "*" || candidate.trimmingPrefix("W/") == opaque
    }
  }

  // MARK: Pages

  func pageLimit() throws -> Int {
    guard let text = parameter("limit") else { return Limits.defaultPage }
    guard let limit = Int(text), Limits.page.contains(limit) else {
      throw Problem.invalid([FieldError(pointer: "limit", detail: "must be a whole number from 1 to 100")])
    }
    return limit
  }

  func cursor() throws -> PageMark? {
    guard let text = parameter("cursor") else { return nil }
    guard let mark = PageMark(cursor: text) else {
      throw Problem.invalid([FieldError(pointer: "cursor", detail: "must be the next_cursor of the page before")])
    }
    return mark
  }

  func flag(_ name: String) throws -> Bool {
    switch parameter(name) {
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

extension Request {
  /// A UUID from the path.
  func identifier<ID: Identifier>(_ name: String, as type: ID.Type = ID.self) throws(Problem) -> ID {
    guard let text = parameters.first(where: { $0.name == name })?.value, let id = ID(text) else {
      throw Problem.badParameter(name, "must be a UUID")
    }
    return id
  }
}
