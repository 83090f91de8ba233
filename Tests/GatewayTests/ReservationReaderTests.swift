import Pipeline
import Testing
import Ticketing

@testable import Gateway

/// `Task.immediate` runs until its first suspension before it returns, so that whoever asks is known to wait.
struct ReservationReaderTests {
  private let view = FakeView()
  private let store = FakeReservationStore()
  private let reader: ReservationReader

  init() {
    reader = ReservationReader(
      view: view, unnoted: UnnotedPartitions(view), store: store, partitioning: Partitioning(count: 16))
  }

  private func ask(_ id: UInt128) -> Task<Problem.Code?, any Error> {
    Task.immediate {
      do {
        let record = try await reader.reservation(ReservationID(id), of: customer)
        #expect(record.id == ReservationID(id))
        return nil
      } catch let problem as Problem {
        return problem.code
      }
    }
  }

  @Test(.timeLimit(.minutes(1))) func `those that ask while the database is asked share the next look`() async throws {
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    store.wait { for await _ in gate {} }
    let record = ReservationRecord(
      id: ReservationID(3), event: EventID(0xE), status: .rejected, version: 1,
      request: Command.Request(customer: customer, selection: .best(section: 0, quantity: 2, adjacent: true)), createdAt: present,
      sequence: 1, rejection: .soldOut(section: 0, requested: 2, available: 0))
    store.set { $0.reservations[record.id] = record }
    let asked = [1, 2, 3, 2, 3, 2].map(ask)
    open.finish()
    var answers: [Problem.Code?] = []
    for task in asked { answers.append(try await task.value) }
    #expect(answers == [.notFound, .notFound, nil, .notFound, nil, .notFound])
    #expect(store.asked.map { Set($0.map(\.rawValue)) } == [[1], [2, 3]])
  }

  @Test(.timeLimit(.minutes(1))) func `who did not reach the view is not told that there is nothing by those who did`()
    async throws
  {
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    store.wait { for await _ in gate {} }
    let first = ask(1)
    view.set { $0.isAway = true }
    let second = ask(2)
    view.set { $0.isAway = false }
    let third = ask(3)
    open.finish()
    #expect(try await first.value == .notFound)
    #expect(try await second.value == .unavailable)
    #expect(try await third.value == .notFound)
    #expect(store.asked.map { Set($0.map(\.rawValue)) } == [[1], [2, 3]])
  }
}
