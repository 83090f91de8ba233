import Pipeline
import Ticketing

/// Something that must never be.
struct Violation {
  var text: String
  /// The reservation that it is about; 0 if it is about more.
  var about: UInt128 = 0
}

extension Sale {
  /// Compares what clients sent and were told with the journal.
  func violations() -> [Violation] {
    var found: [Violation] = []
    var told: [ReservationID: [Int64: ReservationRecord]] = [:]
    for tables in database.tables { found += replay(tables, &told) }
    found += orderViolations()
    if isTimely { found += shortHolds() }
    found += answerViolations()
    found += sightViolations(told)
    if database.letters.contains(where: { $0.command != nil }) || database.letters.count < broker.poisonous {
      found.append(
        Violation(text: "\(broker.poisonous) commands could not be read, and \(database.letters.count) were set aside"))
    }
    if !hasSettled { found.append(unrestViolation) }
    return found
  }

  private var unrestViolation: Violation {
    let open = history.commands.first { $0.isAccepted && !database.isDecided($0.command.id) }
    return Violation(
      text: "not in order \(unrest ?? "in the end"), long after the last fault", about: open?.command.reservation.rawValue ?? 0)
  }

  // MARK: The journal

  /// Decides everything anew and compares: decisions, the chain of hashes, and the tables that follow from them.
  private func replay(
    _ tables: Database.Tables, _ told: inout [ReservationID: [Int64: ReservationRecord]]
  ) -> [Violation] {
    let event = tables.record.event
    var state = EventState(event: event)
    var head = HashChain.origin(of: event)
    var rows: [Int64: ReservationRecord] = [:]
    var commands: Set<CommandID> = []
    for version in 0..<tables.version {
      guard let entry = tables.decisions[version + 1] else {
        return [Violation(text: "event \(event.id) has no decision \(version + 1)")]
      }
      let decision = entry.decision
      let id = decision.command.reservation
      func violation(_ text: String) -> [Violation] {
        [Violation(text: "decision \(version + 1) of event \(event.id): \(text)", about: id.rawValue)]
      }
      if case .expire = decision.command.action {
      } else if !commands.insert(decision.command.id).inserted {
        return violation("command \(decision.command.id) is decided twice")
      }
      guard decide(decision.command, given: state, at: decision.decidedAt) == decision else {
        return violation("is \(decision.outcome), which does not follow from the decisions before it")
      }
      let existing = state.reservation(id)
      let isNew = if case .reserve = decision.command.action { true } else { false }
      let expected = JournalEntry(decision, after: head, sequence: isNew ? decision.version : existing?.sequence ?? 0)
      guard expected.hash == entry.hash else { return violation("its hash does not follow from the one before it") }
      head = entry.hash
      do throws(Contradiction) {
        try state.replay(decision)
      } catch {
        return violation(error.description)
      }
      if let record = shown(decision, existing: existing, row: rows[existing?.sequence ?? 0]) {
        if record.allocation != nil { rows[record.sequence] = record }
        told[id, default: [:]][record.version] = record
      }
    }
    return compare(tables, state, head, rows)
  }

  /// The reservation as clients are shown it after the decision.
  private func shown(_ decision: Decision, existing: LiveReservation?, row: ReservationRecord?) -> ReservationRecord? {
    switch decision.outcome {
    case .held(let allocation, let expiresAt):
      guard case .reserve(let request) = decision.command.action else { return nil }
      return ReservationRecord(
        id: decision.command.reservation, event: decision.command.event, status: .held, version: 1, request: request,
        createdAt: decision.command.acceptedAt, sequence: decision.version, allocation: allocation, expiresAt: expiresAt)
    case .rejected: return JournalEntry(decision, after: [], sequence: 0).rejected
    case .unchanged: return nil
    case .extended, .released, .expired:
      guard var record = row else { return nil }
      record.version += 1
      switch decision.outcome {
      case .extended(let expiresAt):
        record.expiresAt = expiresAt
        record.extensionsUsed += 1
      case .released:
        record.status = .released
        record.expiresAt = nil
      default:
        record.status = .expired
        record.expiresAt = nil
      }
      return record
    }
  }

  private func compare(
    _ tables: Database.Tables, _ state: EventState, _ head: HashChain.Hash, _ rows: [Int64: ReservationRecord]
  ) -> [Violation] {
    var found: [Violation] = []
    func expect(_ isTrue: Bool, _ what: String) {
      if !isTrue { found.append(Violation(text: "event \(state.event.id): \(what) not what its decisions lead to")) }
    }
    var owners: [SeatIndex: Int64] = [:]
    for reservation in state.reservations {
      if case .seats(let seats) = reservation.allocation { for seat in seats { owners[seat] = reservation.sequence } }
    }
    expect(tables.head == head, "the head is")
    expect(tables.allocations == owners, "the seats are")
    expect(tables.counters == state.counts.map { Availability.Counts(held: $0.held, sold: $0.sold) }, "the counters are")
    expect(tables.nextExpiry == state.nextExpiry, "the next expiry is")
    expect(tables.reservations == rows, "the reservations are")
    return found
  }

  // MARK: Order

  /// Commands are decided in the order in which the broker took them, each once, and all of them.
  private func orderViolations() -> [Violation] {
    var found: [Violation] = []
    for tables in database.tables {
      let event = tables.record.event.id
      var arrived: Set<CommandID> = []
      let queue = broker.arrivals[world.partitioning.partition(of: event)].filter {
        $0.event == event && arrived.insert($0.id).inserted
      }
      let decisions = tables.decisions.values.sorted { $0.decision.version < $1.decision.version }.map(\.decision.command)
      let decided = decisions.filter { if case .expire = $0.action { false } else { true } }
      for (command, other) in zip(queue, decided) where command.id != other.id {
        found.append(
          Violation(
            text: "event \(event): \(other.reservation) was decided where \(command.reservation) was next in the queue",
            about: command.reservation.rawValue))
        break
      }
      if let lost = queue.dropFirst(decided.count).first {
        found.append(Violation(text: "\(lost.reservation) was queued and never decided", about: lost.reservation.rawValue))
      } else if decided.count > queue.count {
        found.append(Violation(text: "event \(event) has decisions about commands that were never queued"))
      }
    }
    return found
  }

  // MARK: Time

  /// Whether nothing can delay a commit by more than milliseconds, and all clocks are right.
  private var isTimely: Bool {
    let rates = world.plan.rates
    return world.plan.incidents.isEmpty && rates.lost + rates.replyLost + rates.late + rates.slow == 0
  }

  /// Nobody's hold ends before its time.
  private func shortHolds() -> [Violation] {
    var found: [Violation] = []
    for tables in database.tables {
      let decisions = tables.decisions.values.map(\.decision)
      for decision in decisions where decision.outcome == .expired {
        let id = decision.command.reservation
        let before = decisions.filter { $0.version < decision.version && $0.command.reservation == id && $0.isHold }.map(
          \.version)
        guard let latest = before.max(), let ended = tables.committedAt[decision.version], let began = tables.committedAt[latest]
        else {
          continue
        }
        // A commit takes a few milliseconds.
        if before.count == 1 && ended - began < Int64(tables.record.event.holdSeconds) * 1_000_000 - 20_000 {
          found.append(Violation(text: "\(id) was held for \(ended - began) µs only", about: id.rawValue))
        }
      }
    }
    return found
  }

  // MARK: Answers

  private func answerViolations() -> [Violation] {
    let arrived = Set(broker.arrivals.joined().map(\.id))
    var found: [Violation] = []
    for sent in history.commands {
      let reservation = sent.command.reservation
      func violation(_ text: String) { found.append(Violation(text: "\(reservation) \(text)", about: reservation.rawValue)) }
      if sent.isAccepted && !arrived.contains(sent.command.id) { violation("was accepted and is in no queue") }
      if sent.isRefused && !sent.answers.isEmpty && arrived.contains(sent.command.id) { violation("was refused and is queued") }
      if sent.answers.contains(.keyReused) { violation("was taken for another request") }
    }
    return found
  }

  /// Clients are shown what the journal says, as it was at that version, and nothing of what they were promised is missing.
  private func sightViolations(_ told: [ReservationID: [Int64: ReservationRecord]]) -> [Violation] {
    var found: [Violation] = []
    for (id, records) in history.seen.sorted(by: { $0.key < $1.key }) {
      var last: Int64 = 0
      for record in records {
        if record.version > 0 && told[id]?[record.version] != record {
          found.append(
            Violation(
              text: "\(id) was shown as \(record.status) of version \(record.version), which it never was", about: id.rawValue))
        }
        if record.version < last && isViewUndisturbed {
          found.append(Violation(text: "\(id) went back from version \(last) to \(record.version)", about: id.rawValue))
        }
        last = max(last, record.version)
      }
    }
    if isViewReached, let missed = history.missed.first {
      found.append(Violation(text: "\(missed) was accepted and then not found", about: missed.rawValue))
    }
    return found
  }

  /// Whether the view has kept all that it was given.
  private var isViewUndisturbed: Bool {
    isViewReached
      && world.plan.incidents.allSatisfy {
        switch $0.kind {
        case .viewWiped, .viewWipedInMidWrite, .viewRestored, .recordsExpire: false
        default: true
        }
      }
  }

  /// Whether every call to the view was answered, so that all that was queued was noted.
  private var isViewReached: Bool {
    let rates = world.plan.rates
    let isAway = world.plan.incidents.contains { if case .viewAway = $0.kind { true } else { false } }
    return !isAway && rates.lost + rates.replyLost + rates.late == 0
  }

  // MARK: The view

  /// Where the view differs from the database; nil if it does not.
  func viewDifference(from tables: Database.Tables) -> String? {
    let id = tables.record.event.id
    let contents = view.contents
    if contents.versions[id, default: 0] != tables.version { return "the view of event \(id) is at another version" }
    if tables.version == 0 { return nil }
    if contents.availability[id] != Availability(version: tables.version, sections: tables.counters) {
      return "the view of event \(id) has other counts"
    }
    for (section, letters) in tables.letters {
      var shown = (contents.seats[id]?[section] ?? []).map { $0 == 0 ? SeatLetter.available : $0 }
      shown += Array(repeating: SeatLetter.available, count: max(0, letters.count - shown.count))
      if shown != letters { return "the view of event \(id) has other seats" }
    }
    for record in tables.reservations.values + tables.decisions.values.compactMap(\.rejected) {
      let isForgotten = contents.reservations[record.id] == nil && contents.expired.contains(record.id)
      if contents.reservations[record.id] != record && !isForgotten { return "the view has another \(record.id)" }
      // By the time of whichever request was noted last: a view that forgot the first one can't know better.
      guard let list = contents.lists[record.customer], list.contains(where: { $0.id == record.id.rawValue }) else {
        return "\(record.id) is in no customer's list"
      }
    }
    return nil
  }
}

extension Decision {
  fileprivate var isHold: Bool {
    switch outcome {
    case .held, .extended: true
    default: false
    }
  }
}
