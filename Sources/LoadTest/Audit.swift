/// Counts every seat: compares what each customer was told with what the server says about the whole event. Pure.
struct Audit {
  let event: Event
  let maxTicketsPerRequest: Int
  let customerOf: (Int) -> Int
  let ask: (Int) -> RequestMix.Ask
  /// What was taken before the run.
  let before: Inventory
  let settled: Settled
  let record: RunRecord

  private var findings = Findings()

  init(event: Event, plan: LoadPlan, mix: RequestMix, before: Inventory, settled: Settled, record: RunRecord) {
    (self.event, self.before, self.settled, self.record) = (event, before, settled, record)
    maxTicketsPerRequest = plan.ticketsPerRequest.upperBound
    customerOf = { plan.customer(of: $0) }
    ask = { mix.ask($0) }
  }

  /// What is wrong, a sentence each; empty if nothing was lost, sold twice or left uncounted.
  mutating func run() -> [String] {
    checkThatAllIsKnown()
    checkOutcomes()
    checkSeats()
    checkCounters()
    return findings.all
  }

  /// The reservation as it was seen last.
  private func latest(_ purchase: Int) -> Outcome? { settled.outcomes[purchase] ?? record.purchases[purchase].outcome }

  /// Purchases whose tickets are theirs now.
  private var live: [(purchase: Int, outcome: Outcome)] {
    record.purchases.indices.compactMap { index in
      guard record.purchases[index].fate == .accepted, let outcome = latest(index), outcome.isLive else { return nil }
      return (index, outcome)
    }
  }

  private mutating func checkThatAllIsKnown() {
    if record.gaveUp {
      let unsent = record.purchases.count { $0.fate == .unsent }
      findings.add(.unfinished, "The gateway fell silent, so the run stopped with \(Text.plural(unsent, "request")) unsent.")
    }
    var unknown: [String: Int] = [:]
    for purchase in record.purchases where purchase.fate == .failed && purchase.mayBeQueued {
      unknown[purchase.code, default: 0] += 1
    }
    for (code, count) in unknown.sorted(by: { $0.key < $1.key }) {
      let what = "\(Text.plural(count, "request")) ended without an answer that says whether it was queued (\(code))"
      findings.add(.unknownFate, what + ", so the count cannot be complete.")
    }
    if let failure = settled.failure { findings.add(.unsettled, failure) }
    for purchase in settled.unreadable.sorted() {
      findings.add(.unreadable, "Reservation \(record.purchases[purchase].reservation) could not be read again.")
    }
  }

  private mutating func checkOutcomes() {
    var owners: [String: Int] = [:]
    var sequences: [Int: String] = [:]
    for (index, purchase) in record.purchases.enumerated() where purchase.fate == .accepted {
      let id = purchase.reservation
      if let other = owners.updateValue(index, forKey: id) {
        findings.add(.sharedReservation, "Requests \(other) and \(index) were given the same reservation \(id).")
      }
      guard let outcome = purchase.outcome else {
        findings.add(.noOutcome, "Reservation \(id) was accepted (202) and has no outcome.")
        continue
      }
      if outcome.reservation != id {
        findings.add(.changedOutcome, "Asked for reservation \(id), the server answered with \(outcome.reservation).")
      }
      if let sequence = outcome.sequence {
        if let other = sequences.updateValue(id, forKey: sequence), other != id {
          let place = "the same place \(sequence) in the order of decisions"
          findings.add(.sharedSequence, "Reservations \(other) and \(id) have \(place).")
        }
      } else {
        findings.add(.noOutcome, "Reservation \(id) is \(outcome.status) without a place in the order of decisions.")
      }
      checkTickets(outcome, of: index)
      if let again = settled.outcomes[index] { checkUnchanged(outcome, again) }
    }
    checkLimit()
  }

  /// A held reservation is exactly what was asked for.
  private mutating func checkTickets(_ outcome: Outcome, of request: Int) {
    guard outcome.isLive else { return }
    let asked = ask(request)
    let isMet =
      if let seats = asked.seats {
        Set(outcome.tickets.compactMap(\.seat)) == Set(seats) && outcome.tickets.count == seats.count
      } else {
        outcome.tickets.count == asked.quantity && outcome.tickets.allSatisfy { $0.section == asked.section }
      }
    if !isMet {
      let got = outcome.tickets.map { $0.seat ?? $0.section }.joined(separator: ", ")
      let wanted = asked.seats?.joined(separator: ", ") ?? "\(asked.quantity) in \(asked.section)"
      let holds = got.isEmpty ? "nothing" : got
      findings.add(.wrongTickets, "Reservation \(outcome.reservation) asked for \(wanted) and holds \(holds).")
    }
  }

  /// The only change that nobody asked for is a hold whose time is over.
  private mutating func checkUnchanged(_ first: Outcome, _ again: Outcome) {
    let isSame = first.status == again.status && first.tickets == again.tickets && first.sequence == again.sequence
    let now = (again.serverTime ?? 0) + Self.clockResolution
    let hasExpired = first.status == "held" && again.status == "expired" && (first.expiresAt ?? .infinity) <= now
    if !isSame, !hasExpired {
      let change =
        first.status == again.status ? "changed its tickets or its place" : "was \(first.status), later \(again.status)"
      findings.add(.changedOutcome, "Reservation \(first.reservation) \(change), though nobody asked for it.")
    }
  }

  private mutating func checkLimit() {
    var tickets: [Int: Int] = [:]
    for (purchase, outcome) in live { tickets[customerOf(purchase), default: 0] += outcome.tickets.count }
    for (customer, count) in tickets.sorted(by: { $0.key < $1.key }) where count > event.maxTicketsPerCustomer {
      findings.add(.overLimit, "Customer \(customer) has \(count) tickets; the limit is \(event.maxTicketsPerCustomer).")
    }
  }

  /// Times may come in whole seconds.
  private static let clockResolution = 1.0

  private mutating func checkSeats() {
    checkThatNoSeatIsSoldTwice()
    guard let inventory = settled.inventory else { return }
    let letters = inventory.letters
    let lettersBefore = before.letters
    var owned: [String: String] = [:]
    for (_, outcome) in live {
      for seat in outcome.tickets.compactMap(\.seat) {
        owned[seat] = outcome.reservation
        switch letters[seat] {
        case nil: findings.add(.seatUnknown, "Reservation \(outcome.reservation) holds \(seat), which is in no seat map.")
        case UInt8(ascii: "a"):
          findings.add(.seatNotMarked, "Reservation \(outcome.reservation) holds \(seat), which the seat map shows as available.")
        default: break
        }
        if lettersBefore[seat] == UInt8(ascii: "s") {
          findings.add(.seatTwice, "Reservation \(outcome.reservation) was given \(seat), which had been sold before the run.")
        }
      }
    }
    let available = UInt8(ascii: "a")
    for (seat, letter) in letters where letter != available && owned[seat] == nil {
      guard lettersBefore[seat] ?? available == available else { continue }
      findings.add(.seatMarkedAlone, "The seat map shows \(seat) as taken, and no reservation of this run has it.")
    }
  }

  /// A seat may have a second owner only once the first one's hold was over when the second was decided.
  private mutating func checkThatNoSeatIsSoldTwice() {
    var owners: [String: [(purchase: Int, outcome: Outcome)]] = [:]
    for (index, purchase) in record.purchases.enumerated() where purchase.fate == .accepted {
      guard let outcome = purchase.outcome, outcome.status != "rejected" else { continue }
      for seat in outcome.tickets.compactMap(\.seat) { owners[seat, default: []].append((index, outcome)) }
    }
    for (seat, all) in owners where all.count > 1 {
      let inOrder = all.sorted { ($0.outcome.sequence ?? 0) < ($1.outcome.sequence ?? 0) }
      for (first, second) in zip(inOrder, inOrder.dropFirst()) {
        let isOver = latest(first.purchase)?.isLive == false
        let end = first.outcome.expiresAt ?? (isOver ? 0 : .infinity)
        let secondDecided = (second.outcome.expiresAt ?? .infinity) - Double(event.holdSeconds)
        if !isOver || end > secondDecided + Self.clockResolution {
          let both = "reservations \(first.outcome.reservation) and \(second.outcome.reservation)"
          findings.add(.seatTwice, "Seat \(seat) was given twice: to \(both).")
        }
      }
    }
  }

  private mutating func checkCounters() {
    guard let inventory = settled.inventory else { return }
    var tickets: [String: Int] = [:]
    for ticket in live.flatMap(\.outcome.tickets) { tickets[ticket.section, default: 0] += 1 }
    for section in event.sections {
      guard let now = inventory.section(section.id), let earlier = before.section(section.id) else {
        findings.add(.counters, "The availability does not list section \(section.id).")
        continue
      }
      if now.capacity != section.capacity || now.available + now.held + now.sold != now.capacity {
        let sum = "\(now.available) available + \(now.held) held + \(now.sold) sold"
        findings.add(.counters, "Section \(section.id): \(sum) is not the capacity of \(section.capacity).")
      }
      let ours = tickets[section.id] ?? 0
      let taken = now.held + now.sold
      // Holds from before the run may have ended since; what was sold stays sold.
      let expected = (earlier.sold + ours)...(earlier.sold + earlier.held + ours)
      if !expected.contains(taken) {
        let others = earlier.held + earlier.sold > 0 ? ", and \(earlier.held + earlier.sold) were taken before" : ""
        findings.add(.counters, "Section \(section.id) counts \(taken) taken; the reservations have \(ours)\(others).")
      }
      if let map = inventory.maps.first(where: { $0.section == section.id }) { check(map, against: now) }
    }
  }

  private mutating func check(_ map: SeatMap, against section: Availability.Section) {
    var letters: [UInt8: Int] = [:]
    map.forEachSeat { letters[$1, default: 0] += 1 }
    let marked = "ahs".utf8.map { letters[$0] ?? 0 }
    if marked != [section.available, section.held, section.sold] {
      let shown = "\(marked[0]) available, \(marked[1]) held, \(marked[2]) sold"
      let counted = "\(section.available), \(section.held), \(section.sold)"
      findings.add(.counters, "The seat map of \(section.id) shows \(shown); the availability counts \(counted).")
    }
  }
}
