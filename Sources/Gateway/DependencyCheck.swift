import Pipeline

/// Looks at something that the gateway depends on, once for all who ask meanwhile.
///
/// Nobody waits for a look for longer than the limit, and a look can't always be broken off: PostgreSQL goes on with its query.
/// So it runs by itself, and whoever asks before it ends waits for the same one: probes do not pile up at a server that hangs.
struct DependencyCheck: Sendable {
  private let limit: Duration
  private let look: @Sendable () async -> String?
  private let looks: SingleFlight<String?>

  /// - Parameters:
  ///   - limit: how long anybody waits.
  ///   - look: gives what is wrong, nil if nothing is.
  init(limit: Duration, time: Timekeeper, look: @escaping @Sendable () async -> String?) {
    self.limit = limit
    self.look = look
    looks = SingleFlight(time: time)
  }

  /// What is wrong, nil if nothing is.
  func trouble() async -> String? {
    guard let trouble = await looks.outcome(within: limit, look) else { return "does not answer in time" }
    return trouble
  }
}
