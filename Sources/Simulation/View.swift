import Pipeline
import Ticketing

/// Redis, with the keys and the rules of the scripts that the product runs in it.
final class View: @unchecked Sendable {
  /// Everything in it.
  struct Contents {
    var versions: [EventID: Int64] = [:]
    /// Events whose counts and seats are older than their version.
    var partial: Set<EventID> = []
    var availability: [EventID: Availability] = [:]
    var seats: [EventID: [SectionIndex: [UInt8]]] = [:]
    var reservations: [ReservationID: ReservationRecord] = [:]
    /// Those whose time to live is over.
    var expired: Set<ReservationID> = []
    /// How many requests rely on a note besides the one that made it.
    var repetitions: [ReservationID: Int] = [:]
    var lists: [CustomerID: Set<PageMark>] = [:]
    var lines: [Int: Int64] = [:]
    var progress: [Int: Progress] = [:]
    var complete: [Int: Int64] = [:]
    var noted: [Int: Int64] = [:]
    var comparisons: [Int: String] = [:]
    /// Marks of attempts to write an event's view that have put its reservations into their lists.
    var listings: Set<Int> = []
    var commands: Set<CommandID> = []
  }

  private let world: World
  var contents = Contents()
  /// Changes when the server is started again.
  private(set) var run: Int64 = 1
  private(set) var isDisturbed = false
  private var copy = Contents()
  fileprivate var comparisonsBegun = 0
  private var listingsBegun = 0
  private var wipesAfterListing = false
  /// How often records expired.
  private(set) var expiries = 0
  private var listeners: [(process: SimulatedProcess, hear: ([UInt128]?) -> Void)] = []

  init(_ world: World) { self.world = world }

  /// As FLUSHALL does.
  func wipe() {
    contents = Contents()
    isDisturbed = true
    tellAll(nil)
  }

  func wipeAfterListing() { wipesAfterListing = true }

  /// The time to live of all that is over by now.
  func expireRecords() {
    expiries += 1
    for record in contents.reservations.values where record.status.isFinal {
      contents.reservations[record.id] = nil
      contents.expired.insert(record.id)
    }
  }

  /// Remembers the present for ``restore()``.
  func makeCopy() { copy = contents }

  /// Starts again from an old copy.
  func restore() {
    contents = copy
    run += 1
    isDisturbed = true
    tellAll(nil)
  }

  /// The server is there again, and subscribers notice that they may have missed something.
  func reconnect() { tellAll(nil) }

  // MARK: Scripts

  /// The projection's script. Gives the version that the view was at and whether the reservations must be listed first.
  func apply(_ change: ViewChange, listedBy mark: Int?) -> (version: Int64, isUnlisted: Bool) {
    let version = contents.versions[change.event] ?? 0
    if version != change.fromVersion && world.defect != .projectWithoutVersion { return (version, false) }
    if case .some = change.seats, contents.partial.contains(change.event) { return (-1, false) }
    let areListed =
      if let mark {
        contents.listings.remove(mark) != nil || world.defect == .trustListings
      } else {
        !change.writesCustomersLists && change.reservations.allSatisfy { contents.reservations[$0.id] != nil }
      }
    if !areListed { return (version, true) }
    contents.versions[change.event] = change.toVersion
    if let availability = change.availability {
      contents.availability[change.event] = availability
      contents.partial.remove(change.event)
    } else {
      contents.partial.insert(change.event)
    }
    for reservation in change.reservations { contents.reservations[reservation.id] = reservation }
    switch change.seats {
    case .some(let seats):
      for seat in seats {
        var letters = contents.seats[change.event]?[seat.section] ?? []
        letters += Array(repeating: SeatLetter.available, count: max(0, seat.offset + 1 - letters.count))
        letters[seat.offset] = seat.letter
        contents.seats[change.event, default: [:]][seat.section] = letters
      }
    case .all(let sections):
      for (section, letters) in sections { contents.seats[change.event, default: [:]][section] = letters }
    }
    return (change.fromVersion, false)
  }

  func list(_ reservations: [ReservationRecord]) {
    for reservation in reservations { contents.lists[reservation.customer, default: []].insert(reservation.pageMark) }
  }

  /// Sets the mark that says that the reservations were listed.
  func markListing() -> Int {
    listingsBegun += 1
    contents.listings.insert(listingsBegun)
    if wipesAfterListing {
      wipesAfterListing = false
      world.scheduler.at(world.scheduler.now + 1) { [unowned self] in
        world.note("view is wiped", nil)
        wipe()
      }
    }
    return listingsBegun
  }

  func replaceNote(by record: ReservationRecord) {
    if contents.reservations[record.id]?.status == .queued { contents.reservations[record.id] = record }
  }

  /// - Parameter sentAt: ``expiries`` at that time.
  func note(_ record: ReservationRecord, sentAt: Int) -> ReservationRecord? {
    if let known = contents.reservations[record.id] { return known }
    if !isOvertaken(record, sentAt) { contents.reservations[record.id] = record }
    return nil
  }

  /// No request is on its way for as long as a record lives.
  private func isOvertaken(_ record: ReservationRecord, _ sentAt: Int) -> Bool {
    sentAt < expiries && contents.expired.contains(record.id)
  }

  /// Relies on a note that was there a moment ago, or makes it. Gives the note.
  func repeatNote(_ record: ReservationRecord, sentAt: Int) -> ReservationRecord {
    guard let note = contents.reservations[record.id] else {
      if isOvertaken(record, sentAt) { return record }
      contents.reservations[record.id] = record
      contents.lists[record.customer, default: []].insert(record.pageMark)
      return record
    }
    if note.status == .queued && note != record { contents.repetitions[record.id, default: 0] += 1 }
    return note
  }

  func withdraw(_ record: ReservationRecord) {
    guard contents.reservations[record.id] == record else { return }
    if let others = contents.repetitions[record.id], others > 0, world.defect != .withdrawOthers {
      contents.repetitions[record.id] = others - 1
      return
    }
    contents.repetitions[record.id] = nil
    contents.reservations[record.id] = nil
    contents.lists[record.customer]?.remove(record.pageMark)
    world.note("note withdrawn", nil, about: record.id.rawValue)
  }

  // MARK: The channel

  func listen(_ process: SimulatedProcess, _ hear: @escaping ([UInt128]?) -> Void) { listeners.append((process, hear)) }

  func tellAll(_ ids: [UInt128]?) {
    for listener in listeners where listener.process.isAlive {
      world.scheduler.at(world.scheduler.now + 300) { if listener.process.isAlive { listener.hear(ids) } }
    }
  }
}

/// A worker's way to the view.
struct SimulatedProjection: Projection {
  let world: World
  let view: View
  let process: SimulatedProcess

  func project(
    _ changes: [ViewChange], partition: Int, progress: Progress?
  ) async throws(ViewUnavailable) -> [ProjectionResult] {
    var listed: Set<Int> = []
    while true {
      let replies = try await apply(changes, listing: listed, partition: partition, progress: progress)
      let unlisted = replies.indices.filter { replies[$0].isUnlisted }
      if unlisted.isEmpty {
        return zip(changes, replies).map { change, reply in
          reply.version == change.fromVersion || reply.version >= change.toVersion ? .done : .gap
        }
      }
      listed.formUnion(unlisted)
    }
  }

  /// Lists and scripts are sent together, and are not one transaction.
  private func apply(
    _ changes: [ViewChange], listing listed: Set<Int>, partition: Int, progress: Progress?
  ) async throws(ViewUnavailable) -> [(version: Int64, isUnlisted: Bool)] {
    var marks: [Int: Int] = [:]
    if !listed.isEmpty {
      marks = try await ask(world, process, "lists") { [view] in
        for index in listed { view.list(changes[index].reservations) }
        return Dictionary(uniqueKeysWithValues: listed.map { ($0, view.markListing()) })
      }
    }
    return try await ask(world, process, "projects") { [view, marks] in
      let replies = changes.enumerated().map { view.apply($1, listedBy: marks[$0]) }
      if let progress { view.contents.progress[partition] = progress }
      if !changes.isEmpty { view.tellAll(changes.flatMap { [$0.event.rawValue] + $0.reservations.map(\.id.rawValue) }) }
      return replies
    }
  }

  func replaceNotes(by reservations: [ReservationRecord], partition: Int) async throws(ViewUnavailable) {
    try await ask(world, process, "replaces notes") { [world, view] in
      if world.defect == .keepRepeatedNotes { return }
      for record in reservations { view.replaceNote(by: record) }
      view.tellAll(reservations.map(\.id.rawValue))
    }
  }

  func versions(of events: [EventID]) async throws(ViewUnavailable) -> [Int64] {
    try await ask(world, process, "reads versions") { [view] in events.map { view.contents.versions[$0] ?? 0 } }
  }

  func forget(_ event: EventID) async throws(ViewUnavailable) {
    try await ask(world, process, "forgets") { [view] in
      view.contents.versions[event] = nil
      view.contents.partial.insert(event)
    }
  }

  func completePartitions(among partitions: [Int]) async throws(ViewUnavailable) -> Set<Int> {
    if world.defect == .keepStaleView { return Set(partitions) }
    return try await ask(world, process, "asks for completeness") { [view] in
      Set(partitions.filter { view.contents.complete[$0] == view.run })
    }
  }

  func notedPartitions(among partitions: [Int]) async throws(ViewUnavailable) -> Set<Int> {
    try await ask(world, process, "asks what is noted") { [view] in
      Set(partitions.filter { view.contents.noted[$0] == view.run })
    }
  }

  func beginComparison(of partition: Int) async throws(ViewUnavailable) -> String {
    let run = try await ask(world, process, "asks for the run") { [view] in view.run }
    return try await ask(world, process, "begins a comparison") { [view] in
      view.comparisonsBegun += 1
      let comparison = "\(run) \(view.comparisonsBegun)"
      view.contents.comparisons[partition] = comparison
      return comparison
    }
  }

  func markComplete(_ partition: Int, since comparison: String) async throws(ViewUnavailable) {
    try await ask(world, process, "marks complete") { [view] in
      guard view.contents.comparisons[partition] == comparison else { return }
      view.contents.complete[partition] = Int64(comparison.prefix { $0 != " " })
    }
  }

  func markNoted(_ partition: Int, since comparison: String) async throws(ViewUnavailable) {
    try await ask(world, process, "marks noted") { [view] in
      guard view.contents.comparisons[partition] == comparison else { return }
      view.contents.noted[partition] = Int64(comparison.prefix { $0 != " " })
    }
  }
}

/// A call of the view by one of its processes.
func ask<Answer>(
  _ world: World, _ process: SimulatedProcess, _ name: StaticString, _ body: @escaping () -> Answer
) async throws(ViewUnavailable) -> Answer {
  do throws(NoAnswer) {
    return try await world.call(process, .view, name, body)
  } catch {
    throw ViewUnavailable("no answer")
  }
}
