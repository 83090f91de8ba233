import Pipeline
import Synchronization
import Testing

/// `Task.immediate` runs until its first suspension before it returns, so that whoever asked is known to wait. A wait that is
/// lost fails its test by the time limit; one that is ended twice ends the process.
@Suite(.timeLimit(.minutes(2)))
struct SingleFlightTests {
  private let hour = Duration.seconds(3600)
  private let time = ManualTime()
  private let works = Works()
  private let flight: SingleFlight<Int>

  init() { flight = SingleFlight(time: time.keeper) }

  /// Asks, and is known to wait.
  private func ask(within limit: Duration, beginning mayBegin: Bool = true) -> Task<Int?, Never> {
    let flight = flight
    let works = works
    return Task.immediate { await flight.outcome(within: limit, beginning: mayBegin) { await works.work() } }
  }

  @Test func `all who ask meanwhile get the outcome of the same work, and the next one begins another`() async throws {
    var started = works.started.makeAsyncIterator()
    let asked = (0..<10).map { _ in ask(within: hour) }
    try #require(await started.next()).finish(1)
    for task in asked { #expect(await task.value == 1) }
    // Nothing of the waits is left.
    await time.cancelled(10)

    let next = ask(within: hour)
    try #require(await started.next()).finish(2)
    #expect(await next.value == 2)
    #expect(works.count == 2)
  }

  @Test func `nobody waits for longer than its own limit, and the work goes on for the others`() async throws {
    var started = works.started.makeAsyncIterator()
    let hasty = ask(within: .seconds(1))
    let patient = ask(within: hour)
    let work = try #require(await started.next())
    time.pass(.seconds(1))
    #expect(await hasty.value == nil)
    work.finish(3)
    #expect(await patient.value == 3)
    #expect(works.count == 1)
  }

  @Test func `work for which nobody waits any more is still under way for those who come later`() async throws {
    var started = works.started.makeAsyncIterator()
    let first = ask(within: .seconds(1))
    let work = try #require(await started.next())
    time.pass(.seconds(1))
    #expect(await first.value == nil)
    let second = ask(within: hour)
    work.finish(4)
    #expect(await second.value == 4)
    #expect(works.count == 1)
  }

  @Test func `who may not begin it waits for what is under way, and for nothing else`() async throws {
    var started = works.started.makeAsyncIterator()
    #expect(await ask(within: hour, beginning: false).value == nil)
    let first = ask(within: hour)
    let second = ask(within: hour, beginning: false)
    try #require(await started.next()).finish(5)
    #expect(await first.value == 5)
    #expect(await second.value == 5)
    #expect(await ask(within: hour, beginning: false).value == nil)
    #expect(works.count == 1)
  }

  @Test func `the work does not end with the one who asked first, who waits although it is cancelled`() async throws {
    var started = works.started.makeAsyncIterator()
    let first = ask(within: hour)
    let second = ask(within: hour)
    first.cancel()
    try #require(await started.next()).finish(6)
    #expect(await first.value == 6)
    #expect(await second.value == 6)
  }

  @Test func `where much ends at the same moment, no wait is lost and no work is done beside another`() async {
    let tally = Tally()
    let work: @Sendable () async -> Int = {
      await tally.begin()
      await Task.yield()
      await tally.end()
      return 7
    }
    let flight = SingleFlight<Int>(time: .system)
    let unanswered = await withTaskGroup(of: Int.self) { group in
      for client in 0..<200 {
        group.addTask {
          var unanswered = 0
          for round in 0..<50 {
            // Every other one has no time to wait.
            let limit = (client + round).isMultiple(of: 2) ? Duration.zero : .seconds(3600)
            let outcome = await flight.outcome(within: limit, work)
            if limit > .zero, outcome != 7 { unanswered += 1 }
          }
          return unanswered
        }
      }
      return await group.reduce(0, +)
    }
    #expect(unanswered == 0)
    #expect(await tally.mostUnderWay == 1)
  }
}

/// Counts works that are under way at the same moment.
private actor Tally {
  private var underWay = 0
  private(set) var mostUnderWay = 0

  func begin() {
    underWay += 1
    mostUnderWay = max(mostUnderWay, underWay)
  }

  func end() { underWay -= 1 }
}

/// Works that are under way until the test finishes them.
private final class Works: Sendable {
  struct Work {
    fileprivate let continuation: CheckedContinuation<Int, Never>

    func finish(_ outcome: Int) { continuation.resume(returning: outcome) }
  }

  let started: AsyncStream<Work>
  private let source: AsyncStream<Work>.Continuation
  private let begun = Atomic(0)

  init() { (started, source) = AsyncStream.makeStream() }

  /// How many have begun.
  var count: Int { begun.load(ordering: .relaxed) }

  func work() async -> Int {
    begun.add(1, ordering: .relaxed)
    return await withCheckedContinuation { _ = source.yield(Work(continuation: $0)) }
  }
}

/// Time that passes when the test says so, for sleeps that all began when it had not.
private final class ManualTime: Sendable {
  private struct State {
    var passed = Duration.zero
    var sleepers: [(duration: Duration, ending: AsyncStream<Void>.Continuation)] = []
  }

  private let state = Mutex(State())
  private let (cancellations, cancelling) = AsyncStream.makeStream(of: Void.self)

  var keeper: Timekeeper { Timekeeper(now: { .now }, sleep: { try await self.sleep($0) }) }

  private func sleep(_ duration: Duration) async throws {
    // A stream for each: a task that is cancelled ends the stream it reads.
    let (end, ending) = AsyncStream.makeStream(of: Void.self)
    let isOver = state.withLock { state in
      state.sleepers.append((duration, ending))
      return duration <= state.passed
    }
    if isOver { ending.finish() }
    for await _ in end {}
    guard Task.isCancelled else { return }
    cancelling.yield()
    throw CancellationError()
  }

  /// Lets so much of it pass: sleeps of that long and less end.
  func pass(_ duration: Duration) {
    let over = state.withLock { state in
      state.passed += duration
      return state.sleepers.filter { $0.duration <= state.passed }
    }
    for sleeper in over { sleeper.ending.finish() }
  }

  /// Returns when so many sleeps were cancelled.
  func cancelled(_ count: Int) async {
    var left = count
    for await _ in cancellations {
      left -= 1
      if left == 0 { return }
    }
  }
}
