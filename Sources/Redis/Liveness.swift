/// Whether a peer that says nothing is still there: after a silence it is asked, and given up when no answer comes.
struct Liveness {
  /// The silence after which the peer is asked.
  let interval: Duration
  /// How long it may take to answer.
  let patience: Duration
  private var heardAt: ContinuousClock.Instant
  private var askedAt: ContinuousClock.Instant?

  init(interval: Duration, patience: Duration, at now: ContinuousClock.Instant) {
    self.interval = interval
    self.patience = patience
    heardAt = now
  }

  enum Action: Equatable {
    /// Nothing to do for so long, unless something is heard.
    case wait(Duration)
    case ask
    case giveUp
  }

  /// Anything that the peer says is a sign of life.
  mutating func heard(at now: ContinuousClock.Instant) {
    heardAt = now
    askedAt = nil
  }

  mutating func next(at now: ContinuousClock.Instant) -> Action {
    if let askedAt {
      let left = patience - (now - askedAt)
      return left > .zero ? .wait(left) : .giveUp
    }
    let left = interval - (now - heardAt)
    if left > .zero { return .wait(left) }
    askedAt = now
    return .ask
  }
}
