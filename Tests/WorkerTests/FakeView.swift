import Pipeline
import Synchronization
import Ticketing

/// The worker's side of a view in memory, with the rules of the one in Redis.
final class FakeView: Projection {
  private struct State {
    var versions: [EventID: Int64] = [:]
    /// Events whose counts and seats are older than their version.
    var partial: Set<EventID> = []
    var reservations: [ReservationID: ReservationRecord] = [:]
    var availability: [EventID: Availability] = [:]
    var letters: [EventID: [SectionIndex: [UInt8]]] = [:]
    var complete: Set<Int> = []
    var noted: Set<Int>
    var comparisons: [Int: String] = [:]
    var isAway = false
    var projections = 0
    var progress: [Progress] = []
    var beforeNextVersions: (@Sendable () async -> Void)?
    var afterNextProjection: (@Sendable () async -> Void)?
  }

  private let state = Mutex(State(noted: Set(0..<256)))

  // MARK: What tests do and see

  func goAway() { state.withLock { $0.isAway = true } }
  func comeBack() { state.withLock { $0.isAway = false } }
  /// As FLUSHALL does.
  func wipe() { state.withLock { $0 = State(noted: [], isAway: $0.isAway) } }
  func version(of event: Event) -> Int64 { state.withLock { $0.versions[event.id] ?? 0 } }
  func availability(of event: Event) -> Availability? { state.withLock { $0.availability[event.id] } }
  func reservation(_ id: ReservationID) -> ReservationRecord? { state.withLock { $0.reservations[id] } }
  func letters(of event: Event, _ section: SectionIndex) -> String {
    state.withLock { String(decoding: $0.letters[event.id]?[section] ?? [], as: UTF8.self) }
  }
  func isComplete(_ partition: Int) -> Bool { state.withLock { $0.complete.contains(partition) } }
  func isNoted(_ partition: Int) -> Bool { state.withLock { $0.noted.contains(partition) } }
  var projections: Int { state.withLock { $0.projections } }
  /// What was told to those that wait, in its order.
  var progress: [Progress] { state.withLock { $0.progress } }
  /// Does something just before the next answer about versions is given.
  func beforeNextVersions(_ body: @escaping @Sendable () async -> Void) { state.withLock { $0.beforeNextVersions = body } }
  /// Does something just after the next changes are shown, before anybody is told.
  func afterNextProjection(_ body: @escaping @Sendable () async -> Void) { state.withLock { $0.afterNextProjection = body } }
  /// As a gateway does that has not heard of the reservation.
  func note(_ command: Command) {
    guard let request = command.request else { return }
    let record = ReservationRecord(queued: QueuedCommand(command, ordinal: 1), request: request)
    state.withLock { $0.reservations[record.id] = record }
  }

  // MARK: Projection

  func project(
    _ changes: [ViewChange], partition: Int, progress: Progress?
  ) async throws(ViewUnavailable) -> [ProjectionResult] {
    let results = try answering { state -> [ProjectionResult] in
      if let progress { state.progress.append(progress) }
      return changes.map { change in
        let version = state.versions[change.event] ?? 0
        guard version == change.fromVersion else {
          return version >= change.toVersion ? .done : .gap
        }
        if case .some = change.seats, state.partial.contains(change.event) { return .gap }
        state.projections += 1
        state.versions[change.event] = change.toVersion
        for reservation in change.reservations { state.reservations[reservation.id] = reservation }
        if let availability = change.availability {
          state.availability[change.event] = availability
          state.partial.remove(change.event)
        } else {
          state.partial.insert(change.event)
        }
        switch change.seats {
        case .some(let seats):
          for seat in seats {
            var letters = state.letters[change.event]?[seat.section] ?? []
            letters += Array(repeating: SeatLetter.available, count: max(0, seat.offset + 1 - letters.count))
            letters[seat.offset] = seat.letter
            state.letters[change.event, default: [:]][seat.section] = letters
          }
        case .all(let sections):
          for (section, letters) in sections { state.letters[change.event, default: [:]][section] = letters }
        }
        return .done
      }
    }
    let after = state.withLock { state in
      defer { state.afterNextProjection = nil }
      return state.afterNextProjection
    }
    await after?()
    return results
  }

  func versions(of events: [EventID]) async throws(ViewUnavailable) -> [Int64] {
    let before = state.withLock { state in
      defer { state.beforeNextVersions = nil }
      return state.beforeNextVersions
    }
    let versions = try answering { state in events.map { state.versions[$0] ?? 0 } }
    await before?()
    return versions
  }

  func forget(_ event: EventID) async throws(ViewUnavailable) {
    try answering { state in
      state.versions[event] = nil
      state.partial.insert(event)
    }
  }

  func replaceNotes(by reservations: [ReservationRecord], partition: Int) async throws(ViewUnavailable) {
    try answering { state in
      for record in reservations where state.reservations[record.id]?.status == .queued { state.reservations[record.id] = record }
    }
  }

  func completePartitions(among partitions: [Int]) async throws(ViewUnavailable) -> Set<Int> {
    try answering { $0.complete.intersection(partitions) }
  }

  func notedPartitions(among partitions: [Int]) async throws(ViewUnavailable) -> Set<Int> {
    try answering { $0.noted.intersection(partitions) }
  }

  func beginComparison(of partition: Int) async throws(ViewUnavailable) -> String {
    try answering { state in
      let name = "\(UInt64.random(in: .min ... .max))"
      state.comparisons[partition] = name
      return name
    }
  }

  func markComplete(_ partition: Int, since comparison: String) async throws(ViewUnavailable) {
    try answering { state in
      if state.comparisons[partition] == comparison { state.complete.insert(partition) }
    }
  }

  func markNoted(_ partition: Int, since comparison: String) async throws(ViewUnavailable) {
    try answering { state in
      if state.comparisons[partition] == comparison { state.noted.insert(partition) }
    }
  }

  private func answering<Answer>(_ body: (inout State) -> Answer) throws(ViewUnavailable) -> Answer {
    try state.withLock { state throws(ViewUnavailable) in
      if state.isAway { throw ViewUnavailable("away") }
      return body(&state)
    }
  }
}
