import Ticketing

/// What `decide` should say, written as the rules read and not as a computer likes them: every seat is an object, every choice is
/// found by trying all of them. Slow, and only for small venues.
struct NaiveSale {
  struct Seat: Hashable {
    var section: Int
    var row: Int
    var number: Int
  }

  struct Reservation {
    var customer: CustomerID
    var allocation: Allocation
    var expiresAt: Timestamp
    var extensions = 0
  }

  enum Expectation {
    case exactly(Outcome)
    /// Seats of this section that score like the best choice of all; which, is free.
    case split(section: Int, Score, expiresAt: Timestamp)
  }

  /// How good a choice for a split party is: the fewer runs the better, then the rows, front to back.
  struct Score: Equatable {
    var runs: Int
    var rows: [Int]

    func isBetter(than other: Score) -> Bool {
      runs != other.runs ? runs < other.runs : rows.lexicographicallyPrecedes(other.rows)
    }
  }

  let event: Event
  /// In the order of their numbers in the event.
  let seats: [Seat]
  var reservations: [ReservationID: Reservation] = [:]
  var clock = Timestamp(microseconds: .min)

  init(_ event: Event) {
    self.event = event
    seats = event.sections.enumerated().flatMap { section, content in
      rows(of: content).enumerated().flatMap { row, seatRow in
        (1...seatRow.seats).map { Seat(section: section, row: row, number: $0) }
      }
    }
  }

  func expectation(for command: Command, at now: Timestamp) -> Expectation {
    let now = max(now, clock)
    switch command.action {
    case .reserve(let request): return expectation(for: request, of: command, at: now)
    case .extend(let id):
      guard let held = reservations[id], held.expiresAt > now else { return .exactly(.unchanged(.notHeld)) }
      if held.extensions == event.maxExtensions { return .exactly(.unchanged(.noExtensionLeft)) }
      return .exactly(.extended(expiresAt: held.expiresAt.adding(seconds: event.holdSeconds)))
    case .release(let id):
      return .exactly(reservations[id] == nil ? .unchanged(.notHeld) : .released)
    case .expire(let id):
      guard let held = reservations[id] else { return .exactly(.unchanged(.notHeld)) }
      return .exactly(held.expiresAt <= now ? .expired : .unchanged(.notDue))
    case .discard:
      return .exactly(reservations[command.reservation] == nil ? .rejected(.discarded) : .unchanged(.alreadyHeld))
    }
  }

  mutating func note(_ decision: Decision) {
    clock = decision.decidedAt
    let id = decision.command.reservation
    switch (decision.outcome, decision.command.action) {
    case (.held(let allocation, let expiresAt), .reserve(let request)):
      reservations[id] = Reservation(customer: request.customer, allocation: allocation, expiresAt: expiresAt)
    case (.extended(let expiresAt), _):
      reservations[id]?.expiresAt = expiresAt
      reservations[id]?.extensions += 1
    case (.released, _), (.expired, _): reservations[id] = nil
    default: break
    }
  }

  private func expectation(for request: Command.Request, of command: Command, at now: Timestamp) -> Expectation {
    if reservations[command.reservation] != nil { return .exactly(.unchanged(.alreadyHeld)) }
    if event.status == .cancelled { return .exactly(.rejected(.eventCancelled)) }
    if event.status == .paused { return .exactly(.rejected(.salesPaused)) }
    let inWindow = command.acceptedAt >= event.salesOpenAt && command.acceptedAt < event.salesCloseAt
    if event.status == .draft || !inWindow { return .exactly(.rejected(.notOnSale)) }
    let answers = ([request.selection] + request.fallbacks).map { answer(to: $0, for: request.customer, at: now) }
    let met = answers.first { if case .exactly(.rejected) = $0 { false } else { true } }
    return met ?? answers[0]
  }

  private func answer(to selection: Selection, for customer: CustomerID, at now: Timestamp) -> Expectation {
    let expiresAt = now.adding(seconds: event.holdSeconds)
    switch selection {
    case .best(let section, _, _) where section < 0 || section >= event.sections.count:
      return .exactly(.rejected(.unknownSection))
    case .seats(let wanted) where Set(wanted).count < wanted.count || wanted.contains { $0 < 0 || $0 >= seats.count }:
      return .exactly(.rejected(.unknownSeat))
    default: break
    }
    let has = reservations.values.filter { $0.customer == customer }.map(\.allocation.quantity).reduce(0, +)
    let wants = selection.quantity
    if wants < 1 || wants > 100 || wants > event.maxTicketsPerCustomer - has {
      return .exactly(.rejected(.limitExceeded(limit: event.maxTicketsPerCustomer, alreadyHas: has, requested: wants)))
    }
    switch selection {
    case .seats(let wanted):
      let taken = wanted.filter { !isFree(seats[Int($0)]) }.sorted()
      return .exactly(taken.isEmpty ? .held(.seats(wanted.sorted()), expiresAt: expiresAt) : .rejected(.seatsTaken(taken)))
    case .best(let section, let quantity, let adjacent):
      let left = available(in: section)
      if left < quantity { return .exactly(.rejected(.soldOut(section: section, requested: quantity, available: left))) }
      if case .generalAdmission = event.sections[section].kind {
        return .exactly(.held(.places(section: section, quantity: quantity), expiresAt: expiresAt))
      }
      if let run = bestRun(quantity, in: section) {
        return .exactly(.held(.seats(run.map(index).sorted()), expiresAt: expiresAt))
      }
      if adjacent { return .exactly(.rejected(.noAdjacentSeats(section: section, requested: quantity))) }
      return .split(section: section, bestScore(quantity, in: section), expiresAt: expiresAt)
    }
  }
}

/// Seats, one by one.
extension NaiveSale {
  func index(of seat: Seat) -> SeatIndex { SeatIndex(seats.firstIndex(of: seat)!) }

  func isFree(_ seat: Seat) -> Bool {
    let index = index(of: seat)
    return !reservations.values.contains { $0.allocation.seats.contains(index) }
  }

  func available(in section: Int) -> Int {
    if case .generalAdmission(let capacity) = event.sections[section].kind {
      return reservations.values.reduce(capacity) { left, reservation in
        if case .places(section, let quantity) = reservation.allocation { left - quantity } else { left }
      }
    }
    return seats.filter { $0.section == section && isFree($0) }.count
  }

  /// How a set of seats, in ascending order, scores.
  func score(_ chosen: [Seat]) -> Score {
    let starts = chosen.filter { seat in !chosen.contains { areAdjacent($0, seat) && $0.number < seat.number } }
    return Score(runs: starts.count, rows: chosen.map(\.row))
  }

  private func areAdjacent(_ one: Seat, _ other: Seat) -> Bool {
    one.section == other.section && one.row == other.row && abs(one.number - other.number) == 1
      && !rows(of: event.sections[one.section])[one.row].aislesAfter.contains(min(one.number, other.number))
  }

  private func bestRun(_ quantity: Int, in section: Int) -> [Seat]? {
    for (row, content) in rows(of: event.sections[section]).enumerated() where content.seats >= quantity {
      let free = seats.filter { $0.section == section && $0.row == row && isFree($0) }
      let places = (1...content.seats - quantity + 1).map { start in
        (start..<start + quantity).map { Seat(section: section, row: row, number: $0) }
      }
      let possible = places.filter { place in
        place.allSatisfy(free.contains) && zip(place, place.dropFirst()).allSatisfy(areAdjacent)
      }
      let ranked = possible.map { place in
        let before = free.filter { isAlone($0, among: free) }
        let left = free.filter { !place.contains($0) }
        let newlyAlone = left.filter { isAlone($0, among: left) && !before.contains($0) }
        let middle = Double(place[0].number + place[place.count - 1].number) / 2
        return (alone: newlyAlone.isEmpty ? 0 : 1, offCentre: abs(middle - Double(content.seats + 1) / 2), place: place)
      }
      let best = ranked.min { ($0.alone, $0.offCentre, $0.place[0].number) < ($1.alone, $1.offCentre, $1.place[0].number) }
      if let best { return best.place }
    }
    return nil
  }

  private func isAlone(_ seat: Seat, among free: [Seat]) -> Bool { !free.contains { areAdjacent($0, seat) } }

  /// Of all sets of so many free seats of the section.
  private func bestScore(_ quantity: Int, in section: Int) -> Score {
    let free = seats.filter { $0.section == section && isFree($0) }
    var best: Score?
    func extend(_ chosen: [Seat], runs: Int, from next: Int) {
      if runs > best?.runs ?? .max || free.count - next < quantity - chosen.count { return }
      if chosen.count == quantity {
        let score = Score(runs: runs, rows: chosen.map(\.row))
        if best.map(score.isBetter) ?? true { best = score }
        return
      }
      for index in next..<free.count {
        let continues = chosen.last.map { areAdjacent($0, free[index]) } ?? false
        extend(chosen + [free[index]], runs: continues ? runs : runs + 1, from: index + 1)
      }
    }
    extend([], runs: 0, from: 0)
    return best!
  }
}

func rows(of section: Section) -> [Row] {
  if case .seated(let rows) = section.kind { rows } else { [] }
}
