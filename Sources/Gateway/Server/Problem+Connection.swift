import NIOCore
import NIOHTTP1

/// What a connection is given up for.
extension Problem {
  static let noHTTP = Problem(.validationFailed, "This is not HTTP/1.1.", status: .badRequest)
  static let noHost = Problem(.validationFailed, "Send one Host header field.", status: .badRequest)
  static let noProxy = Problem(.validationFailed, "This is no proxy.", status: .badRequest)
  static let tooSlow = Problem(
    .requestTimeout, "The whole request must arrive within \(Limits.timeToSend.nanoseconds / 1_000_000_000) seconds.")
  static let bodyTooLarge = Problem(.bodyTooLarge, "A body may have \(Limits.bodyBytes) bytes.")
  static let tooManyBodies = Problem(.overloaded, "More is being sent than can be taken. Nothing was done.", retryAfter: 2)
  static let uriTooLong = Problem(.uriTooLong, "A URI may have \(Limits.uriBytes) bytes.")
  static let headersTooLarge = Problem(
    .headersTooLarge, "There may be \(Limits.headerFields) header fields, and they may have \(Limits.headerBytes) bytes together."
  )
}
