import Glibc
import TestSupport
import Testing
import TicketHubTestSupport

extension OneAtATime {
  /// How long partitions stand still when workers come and go. The figures are printed; what is asserted leaves room for a busy machine.
  @Suite(.timeLimit(.minutes(5))) struct `Hand-over` {
    private static let start = Task { try await Watch() }

    private func watch() async throws -> Watch { try await Self.start.value }

    @Test func `a killed worker's partitions are decided elsewhere within seconds`() async throws {
      let pauses = try await pausesOfTwo { worker in
        kill(worker.pid, SIGKILL)
        return .now
      }
      log("kill -9 of one of two workers: \(pauses)")
      #expect(pauses.moved < .seconds(10))
      #expect(pauses.others < .seconds(3))
    }

    @Test func `a hanging worker's partitions are decided elsewhere within the broker's patience`() async throws {
      let pauses = try await pausesOfTwo { worker in
        kill(worker.pid, SIGSTOP)
        return .now
      }
      log("SIGSTOP of one of two workers: \(pauses)")
      #expect(pauses.moved < .seconds(25))
      #expect(pauses.others < .seconds(3))
    }

    @Test func `a worker that is told to end hands over at once`() async throws {
      let pauses = try await pausesOfTwo { worker in
        kill(worker.pid, SIGTERM)
        return .now
      }
      log("SIGTERM of one of two workers: \(pauses)")
      #expect(pauses.moved < .seconds(3))
      #expect(pauses.others < .seconds(3))
    }

    @Test func `a new worker has an even share within seconds, and nobody waits for long`() async throws {
      let watch = try await watch()
      var workers = try await watch.startWorkers(1)
      let start = ContinuousClock.now
      var even = start
      let looks = try await watch.looks {
        workers.append(try watch.hub.launchWorker())
        try await watch.expectEvenShares(of: workers)
        even = .now
      }
      let pause = looks.filter { $0.answered > start }.map { $0.answered - $0.asked }.max() ?? .zero
      log("a second worker: even shares after \(even - start), longest answer of any partition \(pause)")
      #expect(even - start < .seconds(10))
      #expect(pause < .seconds(3))
      for worker in workers { _ = await worker.terminate() }
    }

    /// What happens to one of two workers, as those who wait for answers see it.
    private func pausesOfTwo(_ change: (TicketHubProcess) -> ContinuousClock.Instant) async throws -> Pauses {
      let watch = try await watch()
      let workers = try await watch.startWorkers(2)
      var time = ContinuousClock.now
      let looks = try await watch.looks { time = change(workers[0]) }
      let pauses = Pauses(looks, after: time, moving: try workers[0].share ?? [])
      for worker in workers { await worker.kill() }
      return pauses
    }
  }
}
