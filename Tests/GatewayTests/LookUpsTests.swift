import Pipeline
import Synchronization
import Testing

@testable import Gateway

/// `Task.immediate` runs until its first suspension before it returns, so that whoever asks is known to wait.
@Suite(.timeLimit(.minutes(1)))
struct LookUpsTests {
  private final class Server: Sendable {
    let batches = Mutex<[[Int]]>([])
    let now = Mutex(ContinuousClock.now)
    let gate = AsyncStream.makeStream(of: Void.self)

    /// The first waits until the gate is open.
    func answer(_ requests: [Int]) async -> [Int] {
      let isFirst = batches.withLock { batches in
        batches.append(requests)
        return batches.count == 1
      }
      if isFirst { for await _ in gate.stream {} }
      return requests.map { Task.isCancelled ? -1 : $0 * 10 }
    }
  }

  private let server = Server()
  private let lookUps: LookUps<Int, Int>

  init() {
    let server = server
    lookUps = LookUps(time: Timekeeper(now: { server.now.withLock { $0 } }, sleep: { _ in })) { await server.answer($0) }
  }

  private func ask(_ request: Int) -> Task<Int?, Never> {
    let lookUps = lookUps
    return Task.immediate { await lookUps.answer(to: request) }
  }

  @Test func `whoever asks while a look-up is under way shares the next`() async {
    let asked = (1...4).map(ask)
    server.gate.continuation.finish()
    var answers: [Int?] = []
    for task in asked { answers.append(await task.value) }
    #expect(answers == [10, 20, 30, 40])
    #expect(server.batches.withLock { $0 } == [[1], [2, 3, 4]])
  }

  @Test func `whoever asks when a look-up takes long looks by himself`() async {
    let first = ask(1)
    let second = ask(2)
    while server.batches.withLock({ $0.isEmpty }) { await Task.yield() }
    server.now.withLock { $0 += .seconds(2) }
    #expect(await ask(3).value == 30)
    #expect(server.batches.withLock { $0 } == [[1], [3]])
    server.gate.continuation.finish()
    #expect(await first.value == 10)
    #expect(await second.value == 20)
  }

  @Test func `others get their answers when the one is cancelled who began the look-up`() async {
    let asked = (1...3).map(ask)
    for task in asked.prefix(2) { task.cancel() }
    server.gate.continuation.finish()
    #expect(await asked[2].value == 30)
    #expect(await asked[1].value == 20)
    #expect(await asked[0].value == 10)
  }
}
