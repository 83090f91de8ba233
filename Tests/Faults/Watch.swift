import Foundation
import Pipeline
import Synchronization
import TestSupport
import TicketHubTestSupport
import Ticketing

/// A customer of each partition, who asks for a ticket again and again, and how long each answer took to come.
struct Watch: Sendable {
  /// How often each of them asks.
  private static let interval = Duration.milliseconds(150)

  let hub: TicketHub
  /// One event of each partition.
  private let events: [TicketHubTestSupport.Event]

  /// One request, from being sent to its outcome.
  struct Look: Sendable {
    var partition: Int
    var asked: ContinuousClock.Instant
    var answered: ContinuousClock.Instant
  }

  init() async throws {
    hub = try await TicketHub()
    var events: [Int: TicketHubTestSupport.Event] = [:]
    let partitioning = Partitioning(count: Partitioning.defaultCount)
    while events.count < partitioning.count {
      let event = try await hub.event()
      events[partitioning.partition(of: EventID(event.id.uuidString)!)] = event
    }
    self.events = events.sorted { $0.key < $1.key }.map(\.value)
  }

  /// Workers that have even shares.
  func startWorkers(_ number: Int) async throws -> [TicketHubProcess] {
    var workers: [TicketHubProcess] = []
    for _ in 0..<number { workers.append(try await hub.startWorker()) }
    try await expectEvenShares(of: workers)
    return workers
  }

  /// Waits until each has as many partitions as the others, to within one.
  func expectEvenShares(of workers: [TicketHubProcess]) async throws {
    try await eventually("even shares") {
      let shares = try workers.map { try $0.share ?? [] }
      return Set(shares.joined()).count == events.count
        && shares.allSatisfy { abs($0.count - events.count / workers.count) <= 1 && !$0.isEmpty }
    }
  }

  /// Watches while the body does what it measures, and until every partition has been answered a few times after that.
  func looks(during body: () async throws -> Void) async throws -> [Look] {
    let album = Album()
    return try await withThrowingTaskGroup(of: Void.self) { group in
      for partition in events.indices { group.addTask { try await look(at: partition, until: album) } }
      // So that what follows happens to a sale that runs.
      try await album.expectLooks(at: events.indices, after: .now)
      try await body()
      try await album.expectLooks(at: events.indices, after: .now)
      album.close()
      try await group.waitForAll()
      return album.looks
    }
  }

  private func look(at partition: Int, until album: Album) async throws {
    while !album.isClosed {
      let asked = ContinuousClock.now
      _ = try await hub.customer().reserve(.tickets(1), of: events[partition])
      album.add(Look(partition: partition, asked: asked, answered: .now))
      try await Task.sleep(until: asked + Self.interval)
    }
  }
}

/// The looks so far.
private final class Album: Sendable {
  private let state = Mutex<(looks: [Watch.Look], isClosed: Bool)>(([], false))

  var looks: [Watch.Look] { state.withLock(\.looks) }
  var isClosed: Bool { state.withLock(\.isClosed) }

  func add(_ look: Watch.Look) { state.withLock { $0.looks.append(look) } }

  func close() { state.withLock { $0.isClosed = true } }

  /// Waits for some answers in each partition to requests that were sent after a moment.
  func expectLooks(at partitions: some Sequence<Int>, after moment: ContinuousClock.Instant) async throws {
    try await eventually(within: .seconds(60), "answers in every partition") {
      let later = Dictionary(grouping: looks.filter { $0.asked > moment }, by: \.partition)
      return partitions.allSatisfy { later[$0]?.count ?? 0 >= 3 }
    }
  }
}

/// What a change of workers cost those who waited.
struct Pauses: CustomStringConvertible {
  /// From the change to the first answer for a request that came after it: the slowest of the partitions that moved.
  let moved: Duration
  /// The longest that anybody waited for an answer meanwhile whose partition did not move.
  let others: Duration
  /// The same before the change.
  let before: Duration

  /// - Parameters:
  ///   - change: when it happened.
  ///   - moving: the partitions that have another owner afterwards.
  init(_ looks: [Watch.Look], after change: ContinuousClock.Instant, moving: some Sequence<Int>) {
    let moving = Set(moving)
    let later = looks.filter { $0.answered > change }
    moved =
      moving.compactMap { partition in
        later.filter { $0.partition == partition && $0.asked >= change }.map { $0.answered - change }.min()
      }.max() ?? .zero
    before = looks.filter { $0.answered <= change }.map { $0.answered - $0.asked }.max() ?? .zero
    others = later.filter { !moving.contains($0.partition) }.map { $0.answered - $0.asked }.max() ?? .zero
  }

  var description: String {
    let style = Duration.UnitsFormatStyle.units(allowed: [.milliseconds])
    return
      "first decisions elsewhere within \(moved.formatted(style)), longest answer of other partitions \(others.formatted(style)) (before: \(before.formatted(style)))"
  }
}
