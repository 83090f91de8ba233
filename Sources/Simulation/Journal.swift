import Pipeline
import Ticketing

/// A worker's way to the database.
struct SimulatedJournal: Journal {
  let world: World
  let database: Database
  let process: SimulatedProcess
  /// What a defective worker remembers.
  private let memory = Box(Memory())

  private struct Memory {
    var streams: [Int: [EventStream]] = [:]
    var loaded: [EventID: LoadedEvent] = [:]
  }

  init(world: World, database: Database, process: SimulatedProcess) {
    self.world = world
    self.database = database
    self.process = process
  }

  func load(_ events: [EventID]) async throws(JournalFailure) -> [LoadedEvent] {
    let stale = world.defect == .keepCacheAfterConflict ? events.compactMap { memory.value.loaded[$0] } : []
    let missing = events.filter { event in !stale.contains { $0.state.event.id == event } }
    if missing.isEmpty { return stale }
    let answer = try await ask("loads") { [database] () -> Result<[LoadedEvent], Contradiction> in
      Result { () throws(Contradiction) in try database.load(missing) }
    }
    switch answer {
    case .success(let loaded):
      for event in loaded { memory.value.loaded[event.state.event.id] = event }
      return stale + loaded
    case .failure(let contradiction):
      world.note("contradiction", process, about: contradiction.event.rawValue)
      throw .refused(contradiction.description)
    }
  }

  func decided(_ commands: [CommandID]) async throws(JournalFailure) -> Set<CommandID> {
    if world.defect == .forgetDeduplication { return [] }
    return try await ask("asks what is decided") { [database] in database.commands.intersection(commands) }
  }

  func reservations(_ ids: [ReservationID]) async throws(JournalFailure) -> [ReservationRecord] {
    try await ask("reads reservations") { [database] in ids.compactMap(database.reservation) }
  }

  func commit(_ batches: [EventBatch]) async throws(JournalFailure) -> [ReservationRecord] {
    guard let updated = try await ask("commits", { [database] in database.commit(batches) }) else { throw .conflict }
    return updated
  }

  func changes(of event: EventID, after version: Int64, limit: Int) async throws(JournalFailure) -> JournalChanges {
    try await ask("reads changes") { [database] in
      guard let tables = database.events[event] else { return JournalChanges(toVersion: version, reservations: [], present: nil) }
      let toVersion = max(version, min(tables.version, version + Int64(limit)))
      var reservations: [ReservationID: ReservationRecord] = [:]
      for entry in (version..<toVersion).compactMap({ tables.decisions[$0 + 1] }) {
        guard let record = tables.reservations[entry.sequence] ?? entry.rejected else { continue }
        reservations[record.id] = record
      }
      var changes = JournalChanges(
        toVersion: toVersion, reservations: reservations.values.sorted { $0.id < $1.id }, present: nil)
      if toVersion == tables.version {
        changes.present = (Availability(version: tables.version, sections: tables.counters), tables.letters)
      }
      return changes
    }
  }

  func streams(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    try await ask("reads streams") { [database] in database.streams(of: partition, in: partitioning) }
  }

  func streamsWithHolds(of partition: Int, in partitioning: Partitioning) async throws(JournalFailure) -> [EventStream] {
    if world.defect == .neverReview, let first = memory.value.streams[partition] { return first }
    let streams = try await ask("reads streams with holds") { [database] in
      database.streams(of: partition, in: partitioning).filter { $0.nextExpiry != nil }
    }
    memory.value.streams[partition] = streams
    return world.defect == .forgetExpiries ? [] : streams
  }

  func setAside(_ letters: [DeadLetter]) async throws(JournalFailure) {
    try await ask("sets aside") { [database] in database.setAside(letters) }
  }

  private func ask<Answer>(_ name: StaticString, _ body: @escaping () -> Answer) async throws(JournalFailure) -> Answer {
    do throws(NoAnswer) {
      return try await world.call(process, .database, name, body)
    } catch {
      throw .unavailable("no answer")
    }
  }
}

/// A worker's notes of suspicious commands.
struct SimulatedQuarantine: Quarantine {
  let world: World
  let database: Database
  let process: SimulatedProcess

  func commandsSetAside(in partition: Int) async throws(JournalFailure) -> Set<CommandID> {
    try await ask("asks what is set aside") { [database] in
      Set(database.letters.filter { $0.partition == partition }.compactMap(\.command))
    }
  }

  func attempts(at commands: [CommandID]) async throws(JournalFailure) -> [CommandID: Attempts] {
    try await ask("reads attempts") { [database] in database.attempts(at: commands) }
  }

  func noteAttempt(at commands: [CommandID], in partition: Int) async throws(JournalFailure) -> [CommandID: Attempts] {
    try await ask("notes an attempt") { [database] in database.noteAttempt(at: commands, in: partition) }
  }

  func withdrawAttempt(at command: CommandID) async throws(JournalFailure) {
    try await ask("withdraws an attempt") { [database] in database.withdrawAttempt(at: command) }
  }

  func clearAttempts(in partition: Int) async throws(JournalFailure) {
    try await ask("clears attempts") { [database] in database.clearAttempts(in: partition) }
  }

  private func ask<Answer>(_ name: StaticString, _ body: @escaping () -> Answer) async throws(JournalFailure) -> Answer {
    do throws(NoAnswer) {
      return try await world.call(process, .database, name, body)
    } catch {
      throw .unavailable("no answer")
    }
  }
}

struct SimulatedMembership: Membership {
  let world: World
  let database: Database
  let process: SimulatedProcess

  func beat(_ worker: WorkerID) async throws(StoreUnavailable) -> [WorkerID] {
    try await ask("beats") { [database] in
      database.beat(worker)
      return database.members
    }
  }

  func members() async throws(StoreUnavailable) -> [WorkerID] { try await ask("looks around") { [database] in database.members } }

  func leave(_ worker: WorkerID) async throws(StoreUnavailable) {
    try await ask("leaves") { [database] in database.leave(worker) }
  }

  private func ask<Answer>(_ name: StaticString, _ body: @escaping () -> Answer) async throws(StoreUnavailable) -> Answer {
    do throws(NoAnswer) {
      return try await world.call(process, .database, name, body)
    } catch {
      throw StoreUnavailable("no answer")
    }
  }
}

/// A gateway's way to the database, for what the view does not know.
struct SimulatedStore: ReservationStore {
  let world: World
  let database: Database
  let process: SimulatedProcess

  func reservations(_ ids: [ReservationID]) async throws(StoreUnavailable) -> [ReservationRecord] {
    do throws(NoAnswer) {
      return try await world.call(process, .database, "reads reservations") { [database] in
        ids.sorted().compactMap(database.reservation)
      }
    } catch {
      throw StoreUnavailable("no answer")
    }
  }

  // No simulated client asks for these.
  func reservations(of customer: CustomerID, after: PageMark?, limit: Int) async throws(StoreUnavailable) -> [ReservationRecord] {
    throw StoreUnavailable("not simulated")
  }
  func seats(of event: Event, section: SectionIndex) async throws(StoreUnavailable) -> ViewedSeats? {
    throw StoreUnavailable("not simulated")
  }
  func isReady() async -> Bool { true }
}
