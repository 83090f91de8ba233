/// What an answer to `POST …/reservations` means for the one who asked.
enum Answer: Equatable {
  case accepted(Outcome)
  /// Nothing was queued, and sending it again would be refused again.
  case refused(code: String)
  /// Nothing was queued; worth another try after `retryAfter` seconds.
  case busy(code: String, retryAfter: Int?)
  /// It may or may not have been queued. Only the same key sent again can tell.
  case unknown(code: String, retryAfter: Int?)

  init(_ response: Response) {
    if response.status == 202 {
      self = Outcome(response.body).map(Answer.accepted) ?? .unknown(code: "malformed_response", retryAfter: nil)
      return
    }
    let code = Problem(response).code
    switch response.status {
    case 429: self = .busy(code: code, retryAfter: response.retryAfter)
    case 503 where code == "overloaded": self = .busy(code: code, retryAfter: response.retryAfter)
    // The broker's confirm did not come, or something between broke.
    case 500...: self = .unknown(code: code, retryAfter: response.retryAfter)
    case 400..<500: self = .refused(code: code)
    default: self = .unknown(code: code, retryAfter: response.retryAfter)
    }
  }
}
