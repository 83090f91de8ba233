import NIOHTTP1
import Pipeline
import Testing
import Ticketing

@testable import Gateway

struct EventDirectoryTests {
  private let catalogue = FakeCatalogue()
  private let store = FakeEventStore()
  private let directory: EventDirectory

  init() { directory = EventDirectory(view: catalogue, store: store, partitioning: Partitioning(count: 16)) }

  private func token(_ user: CustomerID, _ role: User.Role) -> AccessToken {
    AccessToken(user: user, session: 1, role: role, expiresAt: present)
  }

  private func problem(_ read: () async throws -> Void) async -> Problem? {
    do {
      try await read()
      return nil
    } catch {
      return error as? Problem
    }
  }

  @Test func `an event comes from the view, and from memory from then on`() async throws {
    catalogue.put(.sample())
    let first = try #require(try await directory.event(EventID(0xE)))
    let second = try #require(try await directory.event(EventID(0xE)))
    #expect(first.record == .sample())
    #expect(first === second)
    #expect(catalogue.looks == 1)
    #expect(store.looks == 0)
    #expect(first.partition == Partitioning(count: 16).partition(of: EventID(0xE)))
  }

  @Test func `an event that the view does not know comes from the database`() async throws {
    store.put(.sample())
    #expect(try await directory.event(EventID(0xE))?.record == .sample())
  }

  @Test func `without the view an event comes from the database`() async throws {
    catalogue.takeAway()
    store.put(.sample())
    #expect(try await directory.event(EventID(0xE))?.record == .sample())
  }

  @Test func `what neither knows does not exist, and is looked for again`() async throws {
    #expect(try await directory.event(EventID(0xE)) == nil)
    #expect(await problem { _ = try await directory.event(EventID(0xE), for: nil) }?.status == .notFound)
    store.put(.sample())
    #expect(try await directory.event(EventID(0xE)) != nil)
  }

  @Test func `without the view and the database nobody can tell`() async {
    catalogue.takeAway()
    store.takeAway()
    let problem = await problem { _ = try await directory.event(EventID(0xE)) }
    #expect(problem?.code == .unavailable)
    #expect(problem?.status == .serviceUnavailable)
    #expect(problem?.headers["Retry-After"] == ["2"])
  }

  @Test func `an event in memory needs neither`() async throws {
    _ = directory.remember(.sample())
    catalogue.takeAway()
    store.takeAway()
    #expect(try await directory.event(EventID(0xE)) != nil)
  }

  @Test func `a draft is shown to its organiser and to operators only`() async throws {
    _ = directory.remember(.sample(status: .draft))
    let readers = [token(organiser, .organiser), token(CustomerID(5), .operator_)]
    for reader in readers { #expect(try await directory.event(EventID(0xE), for: reader).event.status == .draft) }
    for reader in [nil, token(customer, .customer), token(CustomerID(5), .organiser)] {
      #expect(await problem { _ = try await directory.event(EventID(0xE), for: reader) }?.status == .notFound)
    }
  }

  @Test(arguments: [Event.Status.published, .paused, .cancelled])
  func `an event that is no draft is shown to everybody`(status: Event.Status) async throws {
    _ = directory.remember(.sample(status: status))
    #expect(try await directory.event(EventID(0xE), for: nil).event.status == status)
  }

  @Test func `memory has a limit; what it forgot is read again, and what is asked for stays`() async throws {
    let directory = EventDirectory(
      view: catalogue, store: store, partitioning: Partitioning(count: 16),
      maximumBytes: 50 * (1_024 + 3 * EventRecord.sample().json.count))
    for id in 0..<100 { store.put(.sample(id: UInt128(id))) }
    for id in 0..<100 {
      #expect(try await directory.event(EventID(UInt128(id))) != nil)
      #expect(try await directory.event(EventID(0)) != nil)
    }
    #expect(store.looks == 100)
    _ = try await directory.event(EventID(99))
    #expect(store.looks == 100)
    for id in 1..<100 { _ = try await directory.event(EventID(UInt128(id))) }
    #expect(store.looks >= 150)
  }

  @Test(.timeLimit(.minutes(1))) func `those that ask while events are looked up share the next look`() async throws {
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    catalogue.wait { for await _ in gate {} }
    for id in 1...2 { catalogue.put(.sample(id: UInt128(id))) }
    let asked = [1, 2, 3, 2, 3, 2, 3].map { id in
      Task.immediate { try await directory.event(EventID(UInt128(id)))?.event.id.rawValue }
    }
    open.finish()
    var found: [UInt128?] = []
    for task in asked { found.append(try await task.value) }
    #expect(found == [1, 2, nil, 2, nil, 2, nil])
    #expect(catalogue.looks == 3 && store.looks == 1)
  }

  @Test func `an event's tag follows from what clients read of it`() {
    let partitioning = Partitioning(count: 16)
    let one = KnownEvent(.sample(), partitioning: partitioning)
    let same = KnownEvent(.sample(), partitioning: partitioning)
    let other = KnownEvent(.sample(status: .paused), partitioning: partitioning)
    #expect(one.tag == same.tag)
    #expect(one.tag != other.tag)
    #expect(one.tag.count == 18 && one.tag.hasPrefix("\"") && one.tag.hasSuffix("\""))
  }
}
