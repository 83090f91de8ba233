import BlockingThread
import Glibc
import Testing

/// An actor on its own thread that may block.
private actor Blocker {
  let thread = BlockingThread(name: "blocker")
  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  isolated deinit { thread.finish() }

  func block(milliseconds: UInt32) { usleep(milliseconds * 1000) }
  func threadID() -> UInt { pthread_self() }

  func watch(_ fileDescriptor: CInt, every interval: Duration, signal: AsyncStream<CInt>.Continuation) {
    thread.watch(fileDescriptor, every: interval) {
      var byte: UInt8 = 0
      let count = read(fileDescriptor, &byte, 1)
      signal.yield(count == 1 ? CInt(byte) : -1)
    }
  }

  func unwatch() { thread.unwatch() }
}

/// An actor that runs where its callers do.
private actor Anywhere {
  func threadID() -> UInt { currentThread() }
}

private func currentThread() -> UInt { pthread_self() }

// What is not woken would stand still.
@Suite(.timeLimit(.minutes(2)))
struct BlockingThreadTests {
  @Test func `calls that block on sixteen threads run at the same time`() async {
    let blockers = (0..<16).map { _ in Blocker() }
    let start = ContinuousClock.now
    await withTaskGroup { group in
      for blocker in blockers { group.addTask { await blocker.block(milliseconds: 200) } }
    }
    // One after the other would take 3.2 s.
    #expect(ContinuousClock.now - start < .seconds(1.6))
  }

  @Test func `an actor stays on one thread of its own`() async {
    let first = Blocker()
    let second = Blocker()
    let ids = await (first.threadID(), first.threadID(), second.threadID())
    #expect(ids.0 == ids.1)
    #expect(ids.0 != ids.2)
  }

  @Test func `tasks share the thread that they are given to, with the actors that they call where these say nothing else`() async
  {
    let thread = TaskThread(name: "tasks")
    let actor = Anywhere()
    let blocker = Blocker()
    let ids = await withTaskGroup(of: [UInt].self) { group in
      for _ in 0..<8 {
        group.addTask(executorPreference: thread) {
          var ids = [currentThread(), await actor.threadID()]
          let elsewhere = await blocker.threadID()
          ids.append(currentThread())
          await Task.yield()
          return ids + [currentThread(), elsewhere == ids[0] ? 0 : ids[0]]
        }
      }
      return await group.reduce(into: Set<UInt>()) { $0.formUnion($1) }
    }
    #expect(ids.count == 1, "all of it happened on one thread, and the actor with a thread of its own on that")
    #expect(ids.first != currentThread())
  }

  @Test func `tasks that share an actor's thread run where it does, one at a time with it, and leave it running`() async {
    let blocker = Blocker()
    let own = await blocker.threadID()
    let ids = await Task(executorPreference: TaskThread(sharing: blocker.thread)) {
      let before = currentThread()
      let within = await blocker.threadID()
      return [before, within, currentThread()]
    }.value
    #expect(ids == [own, own, own])
    #expect(await blocker.threadID() == own)
  }

  @Test func `a task that sleeps on its thread wakes there, and not too soon`() async throws {
    let thread = TaskThread(name: "sleepers")
    await withThrowingTaskGroup { group in
      for duration in [Duration.milliseconds(20), .zero, .microseconds(5500)] {
        group.addTask(executorPreference: thread) {
          let (own, began) = (currentThread(), ContinuousClock.now)
          try await thread.sleep(for: duration)
          #expect(ContinuousClock.now - began >= duration)
          #expect(currentThread() == own)
        }
      }
    }
  }

  @Test func `a task that sleeps on a thread holds up no other, and wakes once it is cancelled`() async throws {
    let thread = TaskThread(name: "sleepers")
    for isAsleep in [false, true] {
      let sleeper = Task(executorPreference: thread) { try await thread.sleep(for: .seconds(3600)) }
      // The thread runs them one after the other: by then the first one sleeps.
      if isAsleep { await Task(executorPreference: thread) {}.value }
      sleeper.cancel()
      await #expect(throws: CancellationError.self) { try await sleeper.value }
    }
  }

  @Test func `a thread that is to end does so after those that sleep on it`() async throws {
    let shared = BlockingThread(name: "sleepers")
    let thread = TaskThread(sharing: shared)
    let sleeper = Task(executorPreference: thread) { try await thread.sleep(for: .milliseconds(20)) }
    await Task(executorPreference: thread) {}.value
    shared.finish()
    try await sleeper.value
  }

  @Test func `a watched descriptor wakes the thread, and jobs still run`() async throws {
    var ends: [CInt] = [0, 0]
    #expect(pipe(&ends) == 0)
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    defer { for end in ends { close(end) } }
    let blocker = Blocker()
    let (stream, signal) = AsyncStream.makeStream(of: CInt.self)
    await blocker.watch(ends[0], every: .seconds(60), signal: signal)
    var byte: UInt8 = 42
    #expect(write(ends[1], &byte, 1) == 1)
    var heard = stream.makeAsyncIterator()
    #expect(await heard.next() == 42)
    #expect(await blocker.threadID() > 0)
    await blocker.unwatch()
  }

  @Test func `the handler is called each interval although nothing is readable`() async throws {
    var ends: [CInt] = [0, 0]
    #expect(pipe(&ends) == 0)
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    defer { for end in ends { close(end) } }
    let blocker = Blocker()
    let (stream, signal) = AsyncStream.makeStream(of: CInt.self)
    await blocker.watch(ends[0], every: .milliseconds(5), signal: signal)
    var heard = stream.makeAsyncIterator()
    for _ in 0..<3 { #expect(await heard.next() == -1) }
    await blocker.unwatch()
  }
}
