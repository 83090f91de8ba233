/// How far a run has come; given about four times a second.
public struct LoadProgress: Sendable, Equatable {
  /// What the run is doing.
  public enum Phase: Sendable, Equatable {
    /// Creating or reading the event, making tokens, opening connections.
    case preparing
    /// The sale opens in so many seconds.
    case waitingForSale(seconds: Double)
    case selling
    /// Every request has been answered; some outcomes are still open.
    case following
    case auditing
  }

  public var phase = Phase.preparing
  /// Seconds since the first request.
  public var elapsed = 0.0
  public var requests = 0
  public var sent = 0
  public var accepted = 0
  public var decided = 0
  public var held = 0
  public var rejected = 0
  /// Refused at once: 4xx, 429, 503.
  public var refused = 0
  /// Requests that ended without any usable answer.
  public var errors = 0
  /// Requests for tickets that are under way.
  public var inFlight = 0
  /// Over the last second.
  public var acceptedPerSecond = 0.0
  /// Over the last second, as seen from here.
  public var decidedPerSecond = 0.0

  init(_ phase: Phase, requests: Int) { (self.phase, self.requests) = (phase, requests) }

  /// One line for a terminal, without colours and without its end.
  public func line() -> String {
    switch phase {
    case .preparing: return "preparing the sale"
    case .waitingForSale(let seconds): return "the sale opens in \(Int(seconds.rounded(.up))) s"
    case .auditing: return "\(bar)  counting every seat"
    case .selling, .following:
      var parts = [bar, "\(Text.count(decided)) of \(Text.count(requests)) decided", "\(Text.count(held)) held"]
      if phase == .selling { parts.insert("\(Text.count(sent)) sent", at: 1) }
      if refused > 0 { parts.append("\(Text.count(refused)) refused") }
      if errors > 0 { parts.append("\(Text.count(errors)) errors") }
      parts.append("\(Text.count(Int(decidedPerSecond)))/s")
      if phase == .selling { parts.append("\(inFlight) in flight") }
      parts.append("\(Text.fixed(elapsed, 1)) s")
      return parts.joined(separator: "  ")
    }
  }

  private var bar: String {
    let width = 24
    let ended = decided + refused + errors
    let filled = phase == .auditing ? width : width * min(ended, requests) / max(requests, 1)
    return "[" + String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled) + "]"
  }
}
