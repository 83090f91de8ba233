import Pipeline
import Synchronization
import Ticketing

/// A view in memory, which the test can take away.
final class FakeView: ReservationView {
  struct State {
    var isAway = false
    /// Notes are made, and nobody learns it.
    var losesAnswers = false
    /// Whether all that is queued is known to be noted.
    var knowsWhatIsQueued = true
    /// Whether all partitions are known to be complete.
    var isComplete = true
    /// By partition.
    var lines: [Int: Int64] = [:]
    var progress: [Int: Progress] = [:]
    var reservations: [ReservationID: ReservationRecord] = [:]
    /// How many requests rely on a note besides the one that made it.
    var repetitions: [ReservationID: Int] = [:]
    var commands: Set<CommandID> = []
    var availability: Availability?
    var seats: ViewedSeats?
    /// How many reservations were to be noted in each call.
    var notes: [Int] = []
    var withdrawn: [ReservationID] = []
    /// Partitions that were said not to be noted any more.
    var unnoted: Set<Int> = []
  }

  private let state = Mutex(State())

  func set(_ change: @Sendable (inout State) -> Void) { state.withLock { change(&$0) } }
  func get<Value: Sendable>(_ read: @Sendable (State) -> Value) -> Value { state.withLock { read($0) } }

  private func present<Value: Sendable>(_ use: @Sendable (inout State) -> Value) throws(ViewUnavailable) -> Value {
    let value: Value? = state.withLock { $0.isAway ? nil : use(&$0) }
    guard let value else { throw ViewUnavailable("taken away by the test") }
    return value
  }

  func takePlaces(_ counts: [Int: Int]) async throws(ViewUnavailable) -> [Int: Places] {
    try present { state in
      var places: [Int: Places] = [:]
      for (partition, count) in counts {
        places[partition] = Places(first: state.lines[partition, default: 0] + 1, progress: state.progress[partition] ?? .none)
        state.lines[partition, default: 0] += Int64(count)
      }
      return places
    }
  }

  func note(_ reservations: [ReservationRecord]) async throws(ViewUnavailable) -> [ReservationRecord?] {
    let known = try present { state in
      state.notes.append(reservations.count)
      return reservations.map { reservation -> ReservationRecord? in
        if let known = state.reservations[reservation.id] {
          if known.status == .queued && known.request == reservation.request { state.repetitions[known.id, default: 0] += 1 }
          return known
        }
        state.reservations[reservation.id] = reservation
        return nil
      }
    }
    if get(\.losesAnswers) { throw ViewUnavailable("lost by the test") }
    return known
  }

  func withdraw(_ reservations: [ReservationRecord]) async throws(ViewUnavailable) {
    try present { state in
      for reservation in reservations where state.reservations[reservation.id] == reservation {
        if let others = state.repetitions[reservation.id], others > 0 {
          state.repetitions[reservation.id] = others - 1
          continue
        }
        state.reservations[reservation.id] = nil
        state.withdrawn.append(reservation.id)
      }
    }
  }

  func remember(_ command: CommandID, about reservation: ReservationID) async throws(ViewUnavailable) {
    try present { state in _ = state.commands.insert(command) }
  }

  func remembers(_ command: CommandID, about reservation: ReservationID) async throws(ViewUnavailable) -> Bool {
    try present { $0.commands.contains(command) }
  }

  func reservation(_ id: ReservationID) async throws(ViewUnavailable) -> ReservationRecord? {
    try present { .some($0.reservations[id]) } ?? nil
  }

  func reservations(
    of customer: CustomerID, in partitioning: Partitioning, after: PageMark?, limit: Int
  ) async throws(ViewUnavailable) -> [ReservationRecord]? {
    let page = try present { state in newest(state.reservations, of: customer, after: after, limit: limit) }
    return page.isEmpty || !get(\.isComplete) ? nil : page
  }

  func progress(of partition: Int) async throws(ViewUnavailable) -> Progress {
    try present { $0.progress[partition] ?? .none }
  }

  func availability(of event: Event, in partition: Int) async throws(ViewUnavailable) -> Availability? {
    try present { .some($0.availability) } ?? nil
  }

  func seats(of event: Event, section: SectionIndex, in partition: Int) async throws(ViewUnavailable) -> ViewedSeats? {
    try present { .some($0.seats) } ?? nil
  }

  func knowsWhatIsQueued(_ partitioning: Partitioning) async throws(ViewUnavailable) -> Bool {
    try present { $0.knowsWhatIsQueued }
  }

  func forgetNoted(_ partitions: Set<Int>) async throws(ViewUnavailable) {
    try present { $0.unnoted.formUnion(partitions) }
  }

  func isReady() async -> Bool { get { !$0.isAway } }
}

/// A page of a customer's list.
func newest(
  _ reservations: [ReservationID: ReservationRecord], of customer: CustomerID, after: PageMark?, limit: Int
) -> [ReservationRecord] {
  let own = reservations.values.filter { $0.customer == customer }.sorted {
    ($0.pageMark.time, $0.id) > ($1.pageMark.time, $1.id)
  }
  let rest = own.drop { record in after.map { (record.pageMark.time, record.id.rawValue) >= ($0.time, $0.id) } ?? false }
  return Array(rest.prefix(limit))
}

/// Keeps what it was given to queue, and answers what the test says.
final class FakePublisher: CommandPublisher {
  struct Message: Sendable {
    var partition: Int
    var commands: [QueuedCommand]
  }

  private let state = Mutex((outcome: PublishOutcome.queued, messages: [Message](), obstacle: String?.none))

  var messages: [Message] { state.withLock { $0.messages } }
  func answer(_ outcome: PublishOutcome) { state.withLock { $0.outcome = outcome } }
  func obstruct(_ obstacle: String?) { state.withLock { $0.obstacle = obstacle } }

  func publish(_ commands: [Int: [QueuedCommand]]) async -> [Int: PublishOutcome] {
    state.withLock { state in
      for (partition, commands) in commands { state.messages.append(Message(partition: partition, commands: commands)) }
      return commands.mapValues { _ in state.outcome }
    }
  }

  func obstacle() async -> String? { state.withLock { $0.obstacle } }
}

/// Tells what the test says, until cancelled.
final class FakeFeed: ChangeFeed {
  private let changes: AsyncStream<[UInt128]?>
  private let source: AsyncStream<[UInt128]?>.Continuation

  init() { (changes, source) = AsyncStream.makeStream() }

  func tell(_ change: [UInt128]?) { source.yield(change) }

  func run(onChange: @escaping @Sendable ([UInt128]?) -> Void) async {
    for await change in changes { onChange(change) }
  }
}
