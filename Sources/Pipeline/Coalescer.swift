public import Synchronization

/// Turns requests that come at the same moment into batches: a batch is what accumulated while the last one was under way. One is under
/// way at a time: with more they would be smaller, and what a batch costs is shared by those that are in it.
///
/// Whoever comes when there is nothing to do waits for no company. Where one batch follows the other there may be a rest between them:
/// those that have just been answered and come again are then in the next batch, with those that waited, and not in one of their own.
///
/// Whoever finds nothing under way leads a batch of its own request. When the batch is done, its leader hands the lead to one of those
/// that came meanwhile, or their batch to an executor that was given for that.
///
/// All of it is inlinable: every request passes here, and generic code that is not specialised costs it microseconds.
public final class Coalescer<Request: Sendable, Answer: Sendable>: Sendable {
  @usableFromInline
  struct Waiter {
    @usableFromInline var request: Request
    /// Counted from ``start``. Other than an instant, a duration has a layout that the compiler knows: waiters are copied without a look
    /// at their metadata.
    @usableFromInline var since: Duration
    /// Not a checked one, which takes an object for each waiter. It is resumed exactly once: it is put into ``State/waiting`` once, and
    /// whoever takes it out of there, under the lock, either hands it the lead (`handOver`) or has it in a batch, whose waiters are all
    /// given their answers when it is done (`lead`, `process`). Neither can throw or return before that.
    @usableFromInline var continuation: UnsafeContinuation<Turn, Never>

    @inlinable
    init(request: Request, since: Duration, continuation: UnsafeContinuation<Turn, Never>) {
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
    /// Since when the first of each batch has waited longer than `patience`; nil if that of the last one had not.
    @usableFromInline var lateSince: ContinuousClock.Instant?

    @inlinable init() {}
  }

  /// See `patience` at ``init(maximumBatch:maximumWaiting:patience:spike:longestRest:gathers:executor:time:process:)``.
  @inlinable static var patientBatches: Int { 4 }
  /// See `longestRest` there.
  @inlinable static var restPart: Double { 0.7 }

  @usableFromInline let maximumBatch: Int
  @usableFromInline let maximumWaiting: Int
  @usableFromInline let patience: Duration?
  @usableFromInline let spike: Duration
  @usableFromInline let longestRest: Duration
  @usableFromInline let gathers: Bool
  @usableFromInline let executor: (any TaskExecutor)?
  @usableFromInline let time: Timekeeper
  @usableFromInline let process: @Sendable ([Request]) async -> [Answer]
  @usableFromInline let state = Mutex(State())
  @usableFromInline let start = ContinuousClock.now

  /// - Parameters:
  ///   - maximumBatch: how many requests share a batch at most.
  ///   - maximumWaiting: how many requests may wait; one more is refused at once.
  ///   - patience: where more than four full batches wait, how long the first may have waited before one more is refused
  ///     at once. With fewer it is not that too many come but that something is slow for a moment, and the next batch takes them all.
  ///   - spike: for how long they may wait longer than that before any is refused: a spike is absorbed.
  ///   - longestRest: after a batch, and unless as many wait as one may have, the next one is not begun before seven tenths of the time
  ///     have passed that the batch took, or this time if that is less. Only where there is an executor.
  ///   - gathers: whether the first request, which finds nothing under way, lets all tasks go first that are ready to run where it runs:
  ///     they may want to share its batch. For callers that share a thread.
  ///   - executor: where those that came while a batch was under way are processed. Without one it is where the first of them runs,
  ///     which costs less, and takes as long as that executor is busy with other things.
  ///   - process: gives each request's answer, in their order.
  @inlinable
  public init(
    maximumBatch: Int, maximumWaiting: Int, patience: Duration? = nil, spike: Duration = .zero, longestRest: Duration = .zero,
    gathers: Bool = false, executor: (any TaskExecutor)? = nil, time: Timekeeper = .system,
    process: @escaping @Sendable ([Request]) async -> [Answer]
  ) {
    self.maximumBatch = maximumBatch
    self.maximumWaiting = maximumWaiting
    self.patience = patience
    self.spike = spike
    self.longestRest = longestRest
    self.gathers = gathers
    self.executor = executor
    self.time = time
    self.process = process
  }

  /// Whether one more would be refused now.
  @inlinable
  public var isFull: Bool { state.withLock { isFull($0, at: .now) } }

  /// - Parameter now: looked at only where many wait.
  @inlinable
  func isFull(_ state: State, at now: @autoclosure () -> ContinuousClock.Instant) -> Bool {
    if state.waiting.count >= maximumWaiting { return state.isUnderWay }
    guard let patience, state.waiting.count >= maximumBatch * Self.patientBatches else { return false }
    let now = now()
    let waited = now - start - state.waiting[0].since
    if waited <= patience { return false }
    return waited > patience + spike || state.lateSince.map { now - $0 > spike } ?? false
  }

  /// The request's answer; nil if too many are waiting.
  @inlinable
  public func submit(_ request: Request) async -> Answer? {
    let turn = startAtOnce() ? .lead(followers: await gather()) : await wait(with: request)
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

  /// Those that want to share the batch of the one that has just started.
  @inlinable
  func gather() async -> [Waiter] {
    if !gathers { return [] }
    await Task.yield()
    return state.withLock { takeWaiting(&$0, atMost: maximumBatch - 1) }
  }

  @inlinable
  func takeWaiting(_ state: inout State, atMost count: Int) -> [Waiter] {
    var taken: [Waiter] = []
    if state.waiting.count <= count {
      // The usual case, in which none has to be copied.
      swap(&taken, &state.waiting)
    } else {
      taken = Array(state.waiting.prefix(count))
      state.waiting.removeFirst(count)
    }
    return taken
  }

  @inlinable
  func wait(with request: Request) async -> Turn {
    await withUnsafeContinuation { continuation in
      let turn: Turn? = state.withLock { state in
        if !state.isUnderWay {
          // The last batch ended just now.
          state.isUnderWay = true
          return .lead(followers: [])
        }
        let now = ContinuousClock.now
        if isFull(state, at: now) { return .refused }
        state.waiting.append(Waiter(request: request, since: now - start, continuation: continuation))
        return nil
      }
      if let turn { continuation.resume(returning: turn) }
    }
  }

  @inlinable
  func lead(_ request: Request, _ followers: [Waiter]) async -> Answer {
    let began = time.now()
    let answers = await process([request] + followers.map(\.request))
    precondition(answers.count == followers.count + 1, "\(answers.count) answers to \(followers.count + 1) requests")
    end(since: began)
    for index in followers.indices { followers[index].continuation.resume(returning: .answered(answers[1 + index])) }
    return answers[0]
  }

  /// A batch of those that waited.
  @inlinable
  func process(_ batch: [Waiter]) async {
    let began = time.now()
    let answers = await process(batch.map(\.request))
    precondition(answers.count == batch.count, "\(answers.count) answers to \(batch.count) requests")
    end(since: began)
    for index in batch.indices { batch[index].continuation.resume(returning: .answered(answers[index])) }
  }

  @inlinable
  func end(since began: ContinuousClock.Instant) {
    guard longestRest > .zero, let executor, state.withLock({ $0.waiting.count < maximumBatch }) else { return handOver() }
    let rest = min(longestRest, (time.now() - began) * Self.restPart)
    // Nobody's child: it is for all who come meanwhile.
    Task(executorPreference: executor) {
      try? await self.time.sleep(rest)
      self.handOver()
    }
  }

  @inlinable
  func handOver() {
    let batch = state.withLock { state in
      let batch = takeWaiting(&state, atMost: maximumBatch)
      state.isUnderWay = !batch.isEmpty
      if let patience {
        let now = ContinuousClock.now
        let isLate = batch.first.map { now - start - $0.since > patience } ?? false
        state.lateSince = isLate ? state.lateSince ?? now : nil
      }
      return batch
    }
    guard let leader = batch.first else { return }
    if let executor {
      // Nobody's child: it is for all of them.
      Task(executorPreference: executor) { await self.process(batch) }
    } else {
      leader.continuation.resume(returning: .lead(followers: Array(batch.dropFirst())))
    }
  }
}
