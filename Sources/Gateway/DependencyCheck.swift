import Pipeline

/// Looks at something that the gateway depends on, once for all who ask meanwhile.
///
/// Nobody waits for a look for longer than the limit, and a look can't always be broken off: PostgreSQL goes on with its query.
/// So it runs by itself, and whoever asks before it ends waits for the same one: probes do not pile up at a server that hangs.
actor DependencyCheck {
  private let limit: Duration
  private let time: Timekeeper
  private let look: @Sendable () async -> String?
  private var isUnderWay = false
  /// Those that wait for the look under way.
  private var waiting: [UInt64: CheckedContinuation<String?, Never>] = [:]
  private var lastTicket: UInt64 = 0

  /// - Parameters:
  ///   - limit: how long anybody waits.
  ///   - look: gives what is wrong, nil if nothing is.
  init(limit: Duration, time: Timekeeper, look: @escaping @Sendable () async -> String?) {
    self.limit = limit
    self.time = time
    self.look = look
  }

  /// What is wrong, nil if nothing is.
  func trouble() async -> String? {
    if !isUnderWay {
      isUnderWay = true
      // Nobody's child: whoever asked first stops waiting for it.
      Task { await run() }
    }
    lastTicket += 1
    let ticket = lastTicket
    // Ended below, as soon as the wait is over.
    let end = Task {
      try? await time.sleep(limit)
      endWait(ticket)
    }
    let trouble = await withCheckedContinuation { waiting[ticket] = $0 }
    end.cancel()
    return trouble
  }

  private func run() async {
    let trouble = await look()
    isUnderWay = false
    for continuation in waiting.values { continuation.resume(returning: trouble) }
    waiting = [:]
  }

  private func endWait(_ ticket: UInt64) { waiting.removeValue(forKey: ticket)?.resume(returning: "does not answer in time") }
}
