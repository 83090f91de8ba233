public import Synchronization

/// Turns requests that come at the same moment into batches: a batch is what accumulated while the last one was under way. One is under
/// way at a time: with more they would be smaller, and what a batch costs is shared by those that are in it.
///
/// Whoever comes when there is nothing to do waits for no company. Where one batch follows the other there may be a rest between them:
/// those that have just been answered and come again are then in the next batch, with those that waited, and not in one of their own.
/// Once as many have come as were there when the batch ended, nobody else is to be expected, and the rest is over. It is longer where
/// few came while the batch was under way: then it is those who were answered that come. Where others come all the time, waiting for
/// them only makes everybody late.
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
    /// Whether a batch is, or the rest after it.
    @usableFromInline var isUnderWay = false
    /// The rest that is under way.
    @usableFromInline var rest: Rest?
    /// How many rests there were.
    @usableFromInline var rests = 0
    /// Since when the first of each batch has waited longer than `patience`; nil if that of the last one had not.
    @usableFromInline var lateSince: ContinuousClock.Instant?

    @inlinable init() {}
  }

  @usableFromInline
  struct Rest {
    /// Which one it is, from 1.
    @usableFromInline var number: Int
    /// How many must wait for it to end at once.
    @usableFromInline var enough: Int

    @inlinable
    init(number: Int, enough: Int) {
      self.number = number
      self.enough = enough
    }
  }

  /// See `patience` at ``init(maximumBatch:maximumWaiting:patience:spike:longestRest:gathers:executor:time:process:)``.
  @inlinable static var patientBatches: Int { 4 }
  /// See `longestRest` there. How many came while the batch was under way, to how many were in it: with fewer the longer rest.
  @inlinable static var fewNewcomers: Double { 0.4 }
  @inlinable static var longRestPart: Double { 1.5 }
  @inlinable static var shortRestPart: Double { 0.7 }

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
  @usableFromInline let start: ContinuousClock.Instant

  /// - Parameters:
  ///   - maximumBatch: how many requests share a batch at most.
  ///   - maximumWaiting: how many requests may wait; one more is refused at once.
  ///   - patience: where more than four full batches wait, how long the first may have waited before one more is refused
  ///     at once. With fewer it is not that too many come but that something is slow for a moment, and the next batch takes them all.
  ///   - spike: for how long they may wait longer than that before any is refused: a spike is absorbed.
  ///   - longestRest: after a batch the next one is not begun before seven tenths of the time have passed that the batch took, or half as
  ///     much again as it took where fewer wait at its end than two fifths of those that were in it, or this time if that is less; unless
  ///     as many wait as were in the batch and waited at its end, or as one may have. Only where there is an executor.
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
    start = time.now()
  }

  /// Whether one more would be refused now.
  @inlinable
  public var isFull: Bool { state.withLock { isFull($0, at: time.now()) } }

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
      var isRestOver = false
      let turn: Turn? = state.withLock { state in
        if !state.isUnderWay {
          // The last batch ended just now.
          state.isUnderWay = true
          return .lead(followers: [])
        }
        let now = time.now()
        if isFull(state, at: now) { return .refused }
        state.waiting.append(Waiter(request: request, since: now - start, continuation: continuation))
        if let rest = state.rest, state.waiting.count >= rest.enough {
          state.rest = nil
          isRestOver = true
        }
        return nil
      }
      if let turn { continuation.resume(returning: turn) }
      if isRestOver { handOver() }
    }
  }

  @inlinable
  func lead(_ request: Request, _ followers: [Waiter]) async -> Answer {
    let began = time.now()
    let answers = await process([request] + followers.map(\.request))
    precondition(answers.count == followers.count + 1, "\(answers.count) answers to \(followers.count + 1) requests")
    end(batchOf: answers.count, since: began)
    for index in followers.indices { followers[index].continuation.resume(returning: .answered(answers[1 + index])) }
    return answers[0]
  }

  /// A batch of those that waited.
  @inlinable
  func process(_ batch: [Waiter]) async {
    let began = time.now()
    let answers = await process(batch.map(\.request))
    precondition(answers.count == batch.count, "\(answers.count) answers to \(batch.count) requests")
    end(batchOf: answers.count, since: began)
    for index in batch.indices { batch[index].continuation.resume(returning: .answered(answers[index])) }
  }

  @inlinable
  func end(batchOf count: Int, since began: ContinuousClock.Instant) {
    guard longestRest > .zero, let executor, let rest = beginRest(after: count) else { return handOver() }
    let duration = min(longestRest, (time.now() - began) * rest.part)
    // Nobody's child: it is for all who come meanwhile.
    Task(executorPreference: executor) {
      try? await self.time.sleep(duration)
      if self.endRest(rest.number) { await self.processNext() }
    }
  }

  /// Gives the rest's number, and how long it is to be at most, to the time that the batch took; nil where there is none.
  @inlinable
  func beginRest(after count: Int) -> (number: Int, part: Double)? {
    state.withLock { state in
      let waiting = state.waiting.count
      let enough = min(maximumBatch, count + waiting)
      if waiting >= enough { return nil }
      state.rests += 1
      state.rest = Rest(number: state.rests, enough: enough)
      return (state.rests, Double(waiting) < Double(count) * Self.fewNewcomers ? Self.longRestPart : Self.shortRestPart)
    }
  }

  /// Whether the rest was not over yet.
  @inlinable
  func endRest(_ number: Int) -> Bool {
    state.withLock { state in
      guard state.rest?.number == number else { return false }
      state.rest = nil
      return true
    }
  }

  @inlinable
  func handOver() {
    let batch = takeNext()
    guard let leader = batch.first else { return }
    if let executor {
      // Nobody's child: it is for all of them.
      Task(executorPreference: executor) { await self.process(batch) }
    } else {
      leader.continuation.resume(returning: .lead(followers: Array(batch.dropFirst())))
    }
  }

  @inlinable
  func processNext() async {
    let batch = takeNext()
    if !batch.isEmpty { await process(batch) }
  }

  /// The next batch; nothing is under way any more where nobody waits.
  @inlinable
  func takeNext() -> [Waiter] {
    state.withLock { state in
      let batch = takeWaiting(&state, atMost: maximumBatch)
      state.isUnderWay = !batch.isEmpty
      if let patience {
        let now = time.now()
        let isLate = batch.first.map { now - start - $0.since > patience } ?? false
        state.lateSince = isLate ? state.lateSince ?? now : nil
      }
      return batch
    }
  }
}
