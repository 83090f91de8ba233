import Pipeline
import ServiceLifecycle
import Testing

@testable import Gateway

/// Waits are an hour long unless they are meant to run out, so that a signal that is lost fails the test by its time limit.
@Suite(.timeLimit(.minutes(2)))
struct WaitersTests {
  private let feed = FakeFeed()
  private let waiters: Waiters
  private let hour = Duration.seconds(3600)

  init() { waiters = Waiters(feed: feed) }

  /// Runs the waiters beside the test.
  private func running(_ test: () async throws -> Void) async rethrows {
    let waiters = waiters
    let service = Task { try await waiters.run() }
    defer { service.cancel() }
    try await test()
  }

  /// Returns once the waiters have heard everything the feed was told so far: a wait for `mark` ends.
  private func settle(_ mark: UInt128 = .max) async {
    let ticket = waiters.listen(for: mark, atMost: hour)
    feed.tell([mark])
    await waiters.wait(ticket)
  }

  @Test func `a change after listening and before waiting is not missed`() async {
    await running {
      let ticket = waiters.listen(for: 1, atMost: hour)
      feed.tell([1])
      await settle()
      await waiters.wait(ticket)
    }
  }

  @Test func `a change ends a wait that is under way`() async {
    await running {
      let waiters = waiters
      let ticket = waiters.listen(for: 1, atMost: hour)
      // Runs until it waits.
      let wait = Task.immediate { await waiters.wait(ticket) }
      feed.tell([7, 1])
      await wait.value
    }
  }

  @Test func `a change of something else ends no wait, and one from before listening neither`() async {
    await running {
      feed.tell([1])
      await settle()
      let waiters = waiters
      let ticket = waiters.listen(for: 1, atMost: hour)
      let ended = Ended()
      let wait = Task.immediate {
        await waiters.wait(ticket)
        await ended.set()
      }
      feed.tell([2, 3])
      await settle()
      #expect(await !ended.isSet)
      feed.tell([1])
      await wait.value
      #expect(await ended.isSet)
    }
  }

  @Test func `a wait ends when its time is over`() async {
    await running {
      let start = ContinuousClock.now
      await waiters.wait(waiters.listen(for: 1, atMost: .milliseconds(50)))
      #expect(ContinuousClock.now - start >= .milliseconds(50))
    }
  }

  @Test func `a wait without time is over at the next look`() async {
    await running { await waiters.wait(waiters.listen(for: 1, atMost: .zero)) }
  }

  @Test func `where changes may have been missed, everybody looks for themselves`() async {
    await running {
      let waiters = waiters
      let waits = (0..<50).map { id in
        let ticket = waiters.listen(for: UInt128(id % 10), atMost: hour)
        return Task.immediate { await waiters.wait(ticket) }
      }
      feed.tell(nil)
      for wait in waits { await wait.value }
    }
  }

  @Test func `all who wait for the same are woken, and nobody else`() async {
    await running {
      let waiters = waiters
      let other = waiters.listen(for: 2, atMost: hour)
      let ended = Ended()
      let otherWait = Task.immediate {
        await waiters.wait(other)
        await ended.set()
      }
      let waits = (0..<1000).map { _ in
        let ticket = waiters.listen(for: 1, atMost: hour)
        return Task.immediate { await waiters.wait(ticket) }
      }
      feed.tell([1])
      for wait in waits { await wait.value }
      #expect(await !ended.isSet)
      feed.tell([2])
      await otherWait.value
    }
  }

  @Test func `who stopped listening waits no more, and the others still do`() async {
    await running {
      let waiters = waiters
      let one = waiters.listen(for: 1, atMost: hour)
      let other = waiters.listen(for: 1, atMost: hour)
      waiters.stopListening(one)
      await waiters.wait(one)
      let wait = Task.immediate { await waiters.wait(other) }
      feed.tell([1])
      await wait.value
    }
  }

  @Test func `shutdown ends all waits`() async throws {
    let waiters = waiters
    let group = ServiceGroup(services: [waiters], logger: .silent)
    let service = Task { try await group.run() }
    // The service runs once it wakes somebody.
    await settle()
    let waits = (0..<10).map { id in
      let ticket = waiters.listen(for: UInt128(id), atMost: hour)
      return Task.immediate { await waiters.wait(ticket) }
    }
    await group.triggerGracefulShutdown()
    for wait in waits { await wait.value }
    try await service.value
  }

  @Test func `changes and waits at the same time lose nothing`() async {
    await running {
      let waiters = waiters
      let feed = feed
      await withTaskGroup { group in
        for client in 0..<200 {
          group.addTask {
            for _ in 0..<20 {
              let ticket = waiters.listen(for: UInt128(client % 20), atMost: .seconds(3600))
              feed.tell([UInt128(client % 20)])
              await waiters.wait(ticket)
            }
          }
        }
      }
    }
  }
}

/// Whether something has happened.
private actor Ended {
  private(set) var isSet = false
  func set() { isSet = true }
}
