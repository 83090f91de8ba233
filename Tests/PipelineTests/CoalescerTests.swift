import Synchronization
import Testing

@testable import Pipeline

/// `Task.immediate` runs until its first suspension before it returns, so that whoever asked is known to wait.
/// What is not handed on would stand still.
@Suite(.timeLimit(.minutes(2)))
struct CoalescerTests {
  @Test(arguments: [false, true])
  func `what comes while a batch is under way shares the next, in its order`(isApart: Bool) async throws {
    let batches = Batches()
    let coalescer = batches.coalescer(maximumBatch: 10, maximumWaiting: 10, executor: isApart ? globalConcurrentExecutor : nil)
    var started = batches.started.makeAsyncIterator()
    let asked = (0..<6).map { request in Task.immediate { await coalescer.submit(request) } }

    let first = try #require(await started.next())
    #expect(first.requests == [0])
    first.finish()
    let second = try #require(await started.next())
    #expect(second.requests == [1, 2, 3, 4, 5])
    second.finish()
    for (request, task) in asked.enumerated() { #expect(await task.value == "answer to \(request)") }
  }

  @Test(arguments: [false, true])
  func `a batch has no more requests than it may, and the rest is not forgotten`(isApart: Bool) async throws {
    let batches = Batches()
    let coalescer = batches.coalescer(maximumBatch: 2, maximumWaiting: 10, executor: isApart ? globalConcurrentExecutor : nil)
    var started = batches.started.makeAsyncIterator()
    let asked = (0..<6).map { request in Task.immediate { await coalescer.submit(request) } }

    for expected in [[0], [1, 2], [3, 4], [5]] {
      let batch = try #require(await started.next())
      #expect(batch.requests == expected)
      batch.finish()
    }
    for (request, task) in asked.enumerated() { #expect(await task.value == "answer to \(request)") }
  }

  @Test func `one more than may wait is refused at once, and taken later`() async throws {
    let batches = Batches()
    let coalescer = batches.coalescer(maximumBatch: 10, maximumWaiting: 2)
    var started = batches.started.makeAsyncIterator()
    let asked = (0..<3).map { request in Task.immediate { await coalescer.submit(request) } }

    #expect(await coalescer.submit(3) == nil)
    try #require(await started.next()).finish()
    let second = try #require(await started.next())
    #expect(second.requests == [1, 2])
    let again = Task.immediate { await coalescer.submit(3) }
    second.finish()
    try #require(await started.next()).finish()
    #expect(await again.value == "answer to 3")
    for (request, task) in asked.enumerated() { #expect(await task.value == "answer to \(request)") }
  }

  @Test func `a spike is absorbed: none is refused, although all of them have waited for too long`() async throws {
    let batches = Batches()
    let coalescer = batches.coalescer(maximumBatch: 2, maximumWaiting: 100, patience: .zero, spike: .seconds(3600))
    var started = batches.started.makeAsyncIterator()
    let asked = (0..<40).map { request in Task.immediate { await coalescer.submit(request) } }
    for _ in 0..<21 {
      #expect(!coalescer.isFull)
      try #require(await started.next()).finish()
    }
    for (request, task) in asked.enumerated() { #expect(await task.value == "answer to \(request)") }
    #expect(coalescer.state.withLock { $0.lateSince } == nil, "the next spike is another one")
  }

  @Test func `whoever comes in an overload is refused once it has lasted for longer than a spike`() async throws {
    let batches = Batches()
    let spike = Duration.seconds(3600)
    let coalescer = batches.coalescer(maximumBatch: 2, maximumWaiting: 100, patience: .zero, spike: spike)
    var started = batches.started.makeAsyncIterator()
    let first = (0..<3).map { request in Task.immediate { await coalescer.submit(request) } }
    try #require(await started.next()).finish()
    let late = try #require(await started.next())
    let lateSince = coalescer.state.withLock { $0.lateSince }
    let since = try #require(lateSince)
    // They come after it, so that none of them has waited for as long by then.
    let others = (3..<20).map { request in Task.immediate { await coalescer.submit(request) } }
    late.finish()
    let next = try #require(await started.next())
    let isFull = coalescer.state.withLock { coalescer.isFull($0, at: since.advanced(by: spike + .nanoseconds(1))) }
    #expect(isFull)
    next.finish()
    for _ in 0..<8 { try #require(await started.next()).finish() }
    for (request, task) in (first + others).enumerated() { #expect(await task.value == "answer to \(request)") }
  }

  @Test func `an executor that is busy with other things holds up only its own requests`() async throws {
    let batches = Batches()
    let coalescer = batches.coalescer(maximumBatch: 10, maximumWaiting: 10, executor: globalConcurrentExecutor)
    var started = batches.started.makeAsyncIterator()
    let leads = Task.immediate { await coalescer.submit(0) }
    let busy = BusyExecutor()
    let waits = Task(executorPreference: busy) { await coalescer.submit(1) }
    busy.runAll()
    let free = Task.immediate { await coalescer.submit(2) }
    try #require(await started.next()).finish()
    #expect(await leads.value == "answer to 0")
    // Although the one that came first can do nothing now.
    let second = try #require(await started.next())
    #expect(second.requests == [1, 2])
    second.finish()
    #expect(await free.value == "answer to 2")
    busy.runAll()
    #expect(await waits.value == "answer to 1")
  }

  @Test func `where nothing is under way any more, the next request is taken at once`() async throws {
    let batches = Batches()
    let coalescer = batches.coalescer(maximumBatch: 10, maximumWaiting: 0)
    var started = batches.started.makeAsyncIterator()
    for request in 0..<5 {
      let task = Task.immediate { await coalescer.submit(request) }
      try #require(await started.next()).finish()
      #expect(await task.value == "answer to \(request)")
    }
  }

  @Test func `one that gathers takes those along that are ready to run where it runs`() async throws {
    let batches = Batches()
    let coalescer = batches.coalescer(maximumBatch: 3, maximumWaiting: 10, gathers: true)
    var started = batches.started.makeAsyncIterator()
    let thread = BusyExecutor()
    let asked = (0..<5).map { request in Task(executorPreference: thread) { await coalescer.submit(request) } }
    thread.runAll()
    let first = try #require(await started.next())
    #expect(first.requests == [0, 1, 2], "no more than a batch may have")
    let later = Task(executorPreference: thread) { await coalescer.submit(5) }
    thread.runAll()
    first.finish()
    let running = Task.detached { while !Task.isCancelled { thread.runAll(); await Task.yield() } }
    let second = try #require(await started.next())
    #expect(second.requests == [3, 4, 5])
    second.finish()
    for (request, task) in asked.enumerated() { #expect(await task.value == "answer to \(request)") }
    #expect(await later.value == "answer to 5")
    running.cancel()
  }

  @Test func `those that come while it rests after a batch share the next with those that waited`() async throws {
    let (batches, rests) = (Batches(), Rests())
    let coalescer = batches.coalescer(maximumBatch: 10, maximumWaiting: 10, longestRest: .seconds(4), rests: rests)
    var started = batches.started.makeAsyncIterator()
    var resting = rests.begun.makeAsyncIterator()
    func ask(_ request: Int) -> Task<String?, Never> { Task.immediate { await coalescer.submit(request) } }
    var asked = [ask(0), ask(1), ask(2)]
    let first = try #require(await started.next())
    rests.pass(.seconds(10))
    first.finish()
    // Whoever is answered does not wait for the others' rest.
    #expect(await asked[0].value == "answer to 0")
    let longest = try #require(await resting.next())
    #expect(longest.duration == .seconds(4), "no longer than it may")
    longest.end()

    let second = try #require(await started.next())
    #expect(second.requests == [1, 2])
    asked.append(ask(3))
    rests.pass(.seconds(2))
    second.finish()
    let short = try #require(await resting.next())
    #expect(abs(short.duration / .seconds(1) - 1.4) < 1e-9, "others come all the time")
    asked.append(ask(4))
    short.end()

    let third = try #require(await started.next())
    #expect(third.requests == [3, 4])
    rests.pass(.seconds(2))
    third.finish()
    let long = try #require(await resting.next())
    #expect(abs(long.duration / .seconds(1) - 3) < 1e-9, "only those come who have been answered")
    long.end()
    for (request, task) in asked.enumerated() { #expect(await task.value == "answer to \(request)") }

    // Nobody came: the next batch begins at once, whenever that is.
    let last = Task { await coalescer.submit(5) }
    let fourth = try #require(await started.next())
    #expect(fourth.requests == [5])
    fourth.finish()
    #expect(await last.value == "answer to 5")
    try #require(await resting.next()).end()
  }

  @Test func `a rest is over once as many wait as were there when it began`() async throws {
    let (batches, rests) = (Batches(), Rests())
    let coalescer = batches.coalescer(maximumBatch: 10, maximumWaiting: 10, longestRest: .seconds(4), rests: rests)
    var started = batches.started.makeAsyncIterator()
    var resting = rests.begun.makeAsyncIterator()
    let first = (0..<2).map { request in Task.immediate { await coalescer.submit(request) } }
    try #require(await started.next()).finish()
    // One that is answered, and one that waits.
    let rest = try #require(await resting.next())
    #expect(await first[0].value == "answer to 0")
    let next = Task.immediate { await coalescer.submit(2) }
    let second = try #require(await started.next())
    #expect(second.requests == [1, 2])
    // The end of a rest that is over changes nothing, also while the next batch is under way.
    let late = Task.immediate { await coalescer.submit(3) }
    rest.end()
    second.finish()
    let secondRest = try #require(await resting.next())
    #expect(await first[1].value == "answer to 1")
    #expect(await next.value == "answer to 2")
    secondRest.end()
    let third = try #require(await started.next())
    #expect(third.requests == [3])
    third.finish()
    #expect(await late.value == "answer to 3")
    try #require(await resting.next()).end()
  }

  @Test func `where a full batch waits, there is no rest before it`() async throws {
    let (batches, rests) = (Batches(), Rests())
    let coalescer = batches.coalescer(maximumBatch: 2, maximumWaiting: 10, longestRest: .seconds(4), rests: rests)
    var started = batches.started.makeAsyncIterator()
    let asked = (0..<3).map { request in Task.immediate { await coalescer.submit(request) } }
    rests.pass(.seconds(10))
    // If there were one, it would be begun by the time that the leader has its answer, and the test would not wait for its end.
    try #require(await started.next()).finish()
    #expect(await asked[0].value == "answer to 0")
    #expect(coalescer.state.withLock(\.rests) == 0)
    let second = try #require(await started.next())
    #expect(second.requests == [1, 2])
    second.finish()
    for (request, task) in asked.enumerated() { #expect(await task.value == "answer to \(request)") }
  }

  @Test(arguments: [false, true])
  func `under many tasks nothing is lost, doubled or mixed up, and the limits hold`(isApart: Bool) async {
    let tally = Mutex((underWay: 0, mostUnderWay: 0, largest: 0, processed: [Int: Int]()))
    let executor = isApart ? globalConcurrentExecutor : nil
    let coalescer = Coalescer<Int, Int>(maximumBatch: 16, maximumWaiting: 10_000, executor: executor) { requests in
      tally.withLock { tally in
        tally.underWay += 1
        tally.mostUnderWay = max(tally.mostUnderWay, tally.underWay)
        tally.largest = max(tally.largest, requests.count)
        for request in requests { tally.processed[request, default: 0] += 1 }
      }
      await Task.yield()
      tally.withLock { $0.underWay -= 1 }
      return requests.map { $0 * 2 }
    }
    let wrong = await withTaskGroup(of: Int.self) { group in
      for client in 0..<400 {
        group.addTask {
          var wrong = 0
          for round in 0..<20 {
            let request = client * 1000 + round
            if await coalescer.submit(request) != request * 2 { wrong += 1 }
          }
          return wrong
        }
      }
      return await group.reduce(0, +)
    }
    #expect(wrong == 0)
    tally.withLock { tally in
      #expect(tally.processed.count == 400 * 20)
      #expect(tally.processed.values.allSatisfy { $0 == 1 })
      #expect(tally.underWay == 0)
      #expect(tally.mostUnderWay == 1)
      #expect((1...16).contains(tally.largest))
    }
  }

  @Test func `once many wait and the first has waited for too long, others are refused, and taken again after it`() async throws {
    let batches = Batches()
    let coalescer = batches.coalescer(maximumBatch: 2, maximumWaiting: 100, patience: .zero)
    var started = batches.started.makeAsyncIterator()
    let leads = Task.immediate { await coalescer.submit(0) }
    let wait = (1...8).map { request in Task.immediate { await coalescer.submit(request) } }
    #expect(coalescer.isFull)
    #expect(await coalescer.submit(9) == nil)

    try #require(await started.next()).finish()
    #expect(await leads.value == "answer to 0")
    let second = try #require(await started.next())
    #expect(second.requests == [1, 2])
    let next = Task.immediate { await coalescer.submit(10) }
    second.finish()
    for _ in 0..<4 { try #require(await started.next()).finish() }
    for (index, task) in wait.enumerated() { #expect(await task.value == "answer to \(index + 1)") }
    #expect(await next.value == "answer to 10")
    #expect(!coalescer.isFull)
  }
}

/// Batches that are under way until the test finishes them.
private final class Batches: Sendable {
  struct Batch {
    let requests: [Int]
    fileprivate let continuation: CheckedContinuation<Void, Never>

    func finish() { continuation.resume() }
  }

  let started: AsyncStream<Batch>
  private let source: AsyncStream<Batch>.Continuation

  init() { (started, source) = AsyncStream.makeStream() }

  func coalescer(
    maximumBatch: Int, maximumWaiting: Int, patience: Duration? = nil, spike: Duration = .zero, gathers: Bool = false,
    executor: (any TaskExecutor)? = nil, longestRest: Duration = .zero, rests: Rests? = nil
  ) -> Coalescer<Int, String> {
    Coalescer(
      maximumBatch: maximumBatch, maximumWaiting: maximumWaiting, patience: patience, spike: spike, longestRest: longestRest,
      gathers: gathers, executor: rests == nil ? executor : globalConcurrentExecutor, time: rests?.time ?? .system
    ) { requests in
      await withCheckedContinuation { continuation in
        _ = self.source.yield(Batch(requests: requests, continuation: continuation))
      }
      return requests.map { "answer to \($0)" }
    }
  }
}

/// Rests that last until the test ends them, on a clock that it sets.
private final class Rests: Sendable {
  struct Rest {
    let duration: Duration
    fileprivate let continuation: CheckedContinuation<Void, Never>

    func end() { continuation.resume() }
  }

  let begun: AsyncStream<Rest>
  private let source: AsyncStream<Rest>.Continuation
  private let now = Mutex(ContinuousClock.now)

  init() { (begun, source) = AsyncStream.makeStream() }

  var time: Timekeeper {
    Timekeeper(now: { self.now.withLock { $0 } }) { duration in
      await withCheckedContinuation { _ = self.source.yield(Rest(duration: duration, continuation: $0)) }
    }
  }

  func pass(_ duration: Duration) { now.withLock { $0 += duration } }
}

/// Runs what it was given when the test says so.
private final class BusyExecutor: TaskExecutor {
  private let jobs = Mutex<[UnownedJob]>([])

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
  }

  func runAll() {
    while let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { job.runSynchronously(on: asUnownedTaskExecutor()) }
  }
}
