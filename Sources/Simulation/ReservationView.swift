import Pipeline
import Ticketing

/// A gateway's way to the view.
struct SimulatedReservationView: ReservationView {
  let world: World
  let view: View
  let process: SimulatedProcess

  func takePlaces(_ counts: [Int: Int]) async throws(ViewUnavailable) -> [Int: Places] {
    try await ask(world, process, "takes places") { [view] in
      var places: [Int: Places] = [:]
      for (partition, count) in counts {
        let last = view.contents.lines[partition, default: 0] + Int64(count)
        view.contents.lines[partition] = last
        places[partition] = Places(
          first: last - Int64(count) + 1, progress: view.contents.progress[partition] ?? .none)
      }
      return places
    }
  }

  func note(_ reservations: [ReservationRecord]) async throws(ViewUnavailable) -> [ReservationRecord?] {
    var known: [ReservationRecord?]?
    for _ in 0..<3 where known == nil { known = try await noteOnce(reservations) }
    guard var existing = known else { throw ViewUnavailable("emptied again and again") }
    let repeated = zip(reservations, existing).filter { $1?.status == .queued && $1?.request == $0.request }.map(\.0)
    if !repeated.isEmpty {
      let notes = try await ask(world, process, "repeats notes") { [view, sentAt = view.expiries] in
        repeated.map { record in
          let note = view.repeatNote(record, sentAt: sentAt)
          if note.pageMark != record.pageMark {
            view.list([note])
            view.contents.lists[record.customer]?.remove(record.pageMark)
          }
          return note
        }
      }
      for (record, note) in zip(repeated, notes) {
        for index in reservations.indices where reservations[index] == record { existing[index] = note == record ? nil : note }
      }
    }
    if world.defect == .withdrawAccepted {
      world.scheduler.at(world.scheduler.now + 3000) { [view] in for record in reservations { view.withdraw(record) } }
    }
    return existing
  }

  private func noteOnce(_ reservations: [ReservationRecord]) async throws(ViewUnavailable) -> [ReservationRecord?]? {
    // Sent together, and not one transaction.
    let mark = try await ask(world, process, "lists notes") { [view] in
      view.list(reservations)
      return view.markListing()
    }
    return try await ask(world, process, "notes") { [world, view, sentAt = view.expiries] in
      let known = reservations.map { view.note($0, sentAt: sentAt) }
      return view.contents.listings.remove(mark) != nil || world.defect == .trustListings ? known : nil
    }
  }

  func remember(_ command: CommandID, about reservation: ReservationID) async throws(ViewUnavailable) {
    try await ask(world, process, "remembers") { [view] in _ = view.contents.commands.insert(command) }
  }

  func remembers(_ command: CommandID, about reservation: ReservationID) async throws(ViewUnavailable) -> Bool {
    try await ask(world, process, "asks what is remembered") { [view] in view.contents.commands.contains(command) }
  }

  func withdraw(_ reservations: [ReservationRecord]) async throws(ViewUnavailable) {
    try await ask(world, process, "withdraws") { [view] in for record in reservations { view.withdraw(record) } }
  }

  func reservation(_ id: ReservationID) async throws(ViewUnavailable) -> ReservationRecord? {
    try await ask(world, process, "polls") { [view] in view.contents.reservations[id] }
  }

  func progress(of partition: Int) async throws(ViewUnavailable) -> Progress {
    try await ask(world, process, "reads progress") { [view] in view.contents.progress[partition] ?? .none }
  }

  func knowsWhatIsQueued(_ partitioning: Partitioning) async throws(ViewUnavailable) -> Bool {
    try await ask(world, process, "asks what is noted") { [world, view] in
      let marks = world.defect == .forgetBacklog ? view.contents.complete : view.contents.noted
      return (0..<partitioning.count).allSatisfy { marks[$0] == view.run }
    }
  }

  func forgetNoted(_ partitions: Set<Int>) async throws(ViewUnavailable) {
    try await ask(world, process, "forgets what is noted") { [view] in
      for partition in partitions {
        view.contents.noted[partition] = nil
        view.contents.comparisons[partition] = nil
      }
    }
  }

  // No simulated client asks for these.
  func reservations(
    of customer: CustomerID, in partitioning: Partitioning, after: PageMark?, limit: Int
  ) async throws(ViewUnavailable) -> [ReservationRecord]? {
    throw ViewUnavailable("not simulated")
  }
  func availability(of event: Event, in partition: Int) async throws(ViewUnavailable) -> Availability? {
    throw ViewUnavailable("not simulated")
  }
  func seats(of event: Event, section: SectionIndex, in partition: Int) async throws(ViewUnavailable) -> ViewedSeats? {
    throw ViewUnavailable("not simulated")
  }
  func isReady() async -> Bool { true }
}

/// What a gateway hears of changes.
struct SimulatedFeed: ChangeFeed {
  let world: World
  let view: View
  let process: SimulatedProcess

  func run(onChange: @escaping @Sendable ([UInt128]?) -> Void) async {
    view.listen(process) { onChange($0) }
    // For as long as the gateway lives.
    try? await world.scheduler.sleep(.max / 2)
  }
}
