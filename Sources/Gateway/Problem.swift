import NIOHTTP1

/// An error as clients see it: a problem of RFC 9457 with one of the contract's codes.
struct Problem: Error, Sendable {
  enum Code: String, Sendable {
    case malformedJSON = "malformed_json"
    case validationFailed = "validation_failed"
    case idempotencyKeyMissing = "idempotency_key_missing"
    case idempotencyKeyReused = "idempotency_key_reused"
    case unauthenticated
    case invalidCredentials = "invalid_credentials"
    case forbidden
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case notAcceptable = "not_acceptable"
    case requestTimeout = "request_timeout"
    case emailTaken = "email_taken"
    case notOnSale = "not_on_sale"
    case salesPaused = "sales_paused"
    case conflict
    case bodyTooLarge = "body_too_large"
    case uriTooLong = "uri_too_long"
    case headersTooLarge = "headers_too_large"
    case unsupportedMediaType = "unsupported_media_type"
    case rateLimited = "rate_limited"
    case overloaded
    case unavailable
    case `internal`
  }

  var code: Code
  var status: HTTPResponseStatus
  var detail: String
  var errors: [FieldError] = []
  var headers: ResponseHeaders = [:]

  init(_ code: Code, _ detail: String, status: HTTPResponseStatus? = nil, errors: [FieldError] = [], retryAfter: Int? = nil) {
    self.code = code
    self.status = status ?? code.status
    self.detail = detail
    self.errors = errors
    if let retryAfter { headers.add(name: "Retry-After", value: retryAfter) }
    if self.status == .unauthorized { headers.add(name: "WWW-Authenticate", value: "Bearer") }
  }

  /// A path or header that is not of its form.
  static func badParameter(_ name: String, _ detail: String) -> Problem {
    Problem(
      .validationFailed, "The request is not valid.", status: .badRequest, errors: [FieldError(pointer: name, detail: detail)])
  }

  /// A body or query that is not what the contract asks for.
  static func invalid(_ errors: [FieldError]) -> Problem {
    Problem(.validationFailed, "The request is not valid.", errors: errors)
  }

  static let notFound = Problem(.notFound, "There is nothing here, or nothing for you.")

  var body: [UInt8] {
    var writer = JSONWriter()
    writer.object {
      $0.member("type", plain: "/problems/\(code.pathSegment)")
      $0.member("title", code.title)
      $0.member("status", Int(status.code))
      $0.member("code", code.rawValue)
      $0.member("detail", detail)
      if errors.isEmpty { return }
      $0.array("errors") { list in
        for error in errors {
          list.element {
            $0.member("pointer", error.pointer)
            $0.member("detail", error.detail)
          }
        }
      }
    }
    return writer.bytes
  }

  var response: Response {
    var headers = headers
    headers.add(name: "Content-Type", value: "application/problem+json")
    headers.add(name: "Cache-Control", value: "no-store")
    return Response(status: status, headers: headers, body: body)
  }
}

extension Problem.Code {
  /// The name with hyphens. Byte by byte, since the standard library's search takes most of the time that a refusal takes.
  fileprivate var pathSegment: String {
    String(decoding: rawValue.utf8.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }, as: UTF8.self)
  }

  fileprivate var status: HTTPResponseStatus {
    switch self {
    case .malformedJSON, .idempotencyKeyMissing: .badRequest
    case .validationFailed, .idempotencyKeyReused: .unprocessableEntity
    case .unauthenticated, .invalidCredentials: .unauthorized
    case .forbidden: .forbidden
    case .notFound: .notFound
    case .methodNotAllowed: .methodNotAllowed
    case .notAcceptable: .notAcceptable
    case .requestTimeout: .requestTimeout
    case .emailTaken, .notOnSale, .salesPaused, .conflict: .conflict
    case .bodyTooLarge: .payloadTooLarge
    case .uriTooLong: .uriTooLong
    case .headersTooLarge: .requestHeaderFieldsTooLarge
    case .unsupportedMediaType: .unsupportedMediaType
    case .rateLimited: .tooManyRequests
    case .overloaded, .unavailable: .serviceUnavailable
    case .internal: .internalServerError
    }
  }

  fileprivate var title: String {
    switch self {
    case .malformedJSON: "The body is not JSON"
    case .validationFailed: "The request is not valid"
    case .idempotencyKeyMissing: "The Idempotency-Key header is missing"
    case .idempotencyKeyReused: "The idempotency key was used for another request"
    case .unauthenticated: "Sign in first"
    case .invalidCredentials: "Unknown email or wrong password"
    case .forbidden: "Not allowed"
    case .notFound: "Not found"
    case .methodNotAllowed: "Method not allowed"
    case .notAcceptable: "Not available in an accepted form"
    case .requestTimeout: "The request took too long to arrive"
    case .emailTaken: "The email is taken"
    case .notOnSale: "Not on sale"
    case .salesPaused: "Sales are paused"
    case .conflict: "Not possible in the present state"
    case .bodyTooLarge: "The body is too large"
    case .uriTooLong: "The URI is too long"
    case .headersTooLarge: "The header fields are too large"
    case .unsupportedMediaType: "The body must be JSON"
    case .rateLimited: "Too many requests"
    case .overloaded: "Too many people at once"
    case .unavailable: "Unavailable for a moment"
    case .internal: "Something went wrong on our side"
    }
  }
}
