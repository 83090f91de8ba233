import Synchronization

/// Work that is done once for all who ask for it meanwhile, none of whom waits for longer than a limit of its own.
///
/// It runs by itself and goes on when nobody waits any more, so that whoever comes then finds it under way, or done. One is under
/// way at a time.
public final class SingleFlight<Outcome: Sendable>: Sendable {
  private typealias Waiter = CheckedContinuation<Outcome?, Never>

  private struct State {
    var isUnderWay = false
    /// Those that wait for the work under way.
    var waiting: [UInt64: Waiter] = [:]
    var lastTicket: UInt64 = 0

    mutating func add(_ waiter: Waiter) -> UInt64 {
      lastTicket += 1
      waiting[lastTicket] = waiter
      return lastTicket
    }
  }

  private let time: Timekeeper
  private let state = Mutex(State())

  /// - Parameter time: how the limits are measured.
  public init(time: Timekeeper) { self.time = time }

  /// The outcome of the work under way, which is begun if there is none; nil if it takes longer than the limit.
  ///
  /// A cancelled task waits all the same: the limit ends its wait.
  /// - Parameters:
  ///   - mayBegin: whether work is begun where none is under way. If not, there is nothing to wait for then: nil at once.
  ///   - work: is not used where some is under way already.
  @discardableResult
  public func outcome(
    within limit: Duration, beginning mayBegin: Bool = true, _ work: @escaping @Sendable () async -> Outcome
  ) async -> Outcome? {
    // Ended below, as soon as the wait is over.
    var end: Task<Void, Never>?
    let outcome = await withCheckedContinuation { (waiter: Waiter) in
      // Looked at and joined in one step, so that the end of the work can't slip in between.
      let (ticket, begins) = state.withLock { state -> (UInt64?, Bool) in
        guard state.isUnderWay || mayBegin else { return (nil, false) }
        let begins = !state.isUnderWay
        state.isUnderWay = true
        return (state.add(waiter), begins)
      }
      guard let ticket else { return waiter.resume(returning: nil) }
      // Nobody's child: whoever asked first may stop waiting for it.
      if begins { Task { await run(work) } }
      end = Task {
        try? await time.sleep(limit)
        endWait(ticket)
      }
    }
    end?.cancel()
    return outcome
  }

  private func run(_ work: @Sendable () async -> Outcome) async {
    let outcome = await work()
    let waiting = state.withLock { state in
      let waiting = state.waiting
      state.waiting = [:]
      state.isUnderWay = false
      return waiting
    }
    for waiter in waiting.values { waiter.resume(returning: outcome) }
  }

  private func endWait(_ ticket: UInt64) { state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume(returning: nil) }
}
