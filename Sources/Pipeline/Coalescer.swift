public import Synchronization

/// Turns requests that come at the same moment into batches, without making any of them wait for company: a batch is what
/// accumulated while the last one was under way. One is under way at a time: with more they would be smaller, and what a batch costs is
/// shared by those that are in it.
///
/// There is no task of its own. Whoever finds nothing under way leads a batch: its own request and all that wait. When the batch is
/// done, its leader hands the lead to one of those that came meanwhile.
///
/// All of it is inlinable: every request passes here, and generic code that is not specialised costs it microseconds.
public final class Coalescer<Request: Sendable, Answer: Sendable>: Sendable {
  @usableFromInline
  struct Waiter {
    @usableFromInline var request: Request
    @usableFromInline var since: ContinuousClock.Instant
    @usableFromInline var continuation: CheckedContinuation<Turn, Never>

    @inlinable
    init(request: Request, since: ContinuousClock.Instant, continuation: CheckedContinuation<Turn, Never>) {
      self.request = request
      self.since = since
      self.continuation = continuation
    }
  }

  @usableFromInline
  enum Turn {
    case answered(Answer)
    /// Lead a batch: one's own request and those of the followers.
    case lead(followers: [Waiter])
    case refused
  }

  @usableFromInline
  struct State {
    @usableFromInline var waiting: [Waiter] = []
    @usableFromInline var isUnderWay = false

    @inlinable init() {}
  }

  /// See `patience` at ``init(maximumBatch:maximumWaiting:patience:process:)``.
  @inlinable static var patientBatches: Int { 4 }

  @usableFromInline let maximumBatch: Int
  @usableFromInline let maximumWaiting: Int
  @usableFromInline let patience: Duration?
  @usableFromInline let process: @Sendable ([Request]) async -> [Answer]
  @usableFromInline let state = Mutex(State())

  /// - Parameters:
  ///   - maximumBatch: how many requests share a batch at most.
  ///   - maximumWaiting: how many requests may wait; one more is refused at once.
  ///   - patience: where more than four full batches wait, how long the first may have waited before one more is refused
  ///     at once. With fewer it is not that too many come but that something is slow for a moment, and the next batch takes them all.
  ///   - process: gives each request's answer, in their order.
  @inlinable
  public init(
    maximumBatch: Int, maximumWaiting: Int, patience: Duration? = nil,
    process: @escaping @Sendable ([Request]) async -> [Answer]
  ) {
    self.maximumBatch = maximumBatch
    self.maximumWaiting = maximumWaiting
    self.patience = patience
    self.process = process
  }

  /// The request's answer; nil if too many are waiting.
  @inlinable
  public func submit(_ request: Request) async -> Answer? {
    let turn = startAtOnce() ? .lead(followers: []) : await wait(with: request)
    switch turn {
    case .answered(let answer): return answer
    case .refused: return nil
    case .lead(let followers): return await lead(request, followers)
    }
  }

  @inlinable
  func startAtOnce() -> Bool {
    state.withLock { state in
      guard !state.isUnderWay else { return false }
      state.isUnderWay = true
      return true
    }
  }

  @inlinable
  func wait(with request: Request) async -> Turn {
    await withCheckedContinuation { continuation in
      let turn: Turn? = state.withLock { state in
        if !state.isUnderWay {
          // The last batch ended just now.
          state.isUnderWay = true
          return .lead(followers: [])
        }
        if state.waiting.count >= maximumWaiting { return .refused }
        let now = ContinuousClock.now
        if let patience, state.waiting.count >= maximumBatch * Self.patientBatches, now - state.waiting[0].since > patience {
          return .refused
        }
        state.waiting.append(Waiter(request: request, since: now, continuation: continuation))
        return nil
      }
      if let turn { continuation.resume(returning: turn) }
    }
  }

  @inlinable
  func lead(_ request: Request, _ followers: [Waiter]) async -> Answer {
    let answers = await process([request] + followers.map(\.request))
    precondition(answers.count == followers.count + 1, "\(answers.count) answers to \(followers.count + 1) requests")
    handOver()
    for (follower, answer) in zip(followers, answers.dropFirst()) { follower.continuation.resume(returning: .answered(answer)) }
    return answers[0]
  }

  @inlinable
  func handOver() {
    let next: (leader: Waiter, followers: [Waiter])? = state.withLock { state in
      if state.waiting.isEmpty {
        state.isUnderWay = false
        return nil
      }
      let batch = Array(state.waiting.prefix(maximumBatch))
      state.waiting.removeFirst(batch.count)
      return (batch[0], Array(batch.dropFirst()))
    }
    if let next { next.leader.continuation.resume(returning: .lead(followers: next.followers)) }
  }
}
