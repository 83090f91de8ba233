import Ticketing

/// What the core says, compared with what trying all choices finds.
extension NaiveSale {
  func agrees(with decision: Decision, at now: Timestamp) -> Bool {
    switch expectation(for: decision.command, at: now) {
    case .exactly(let outcome): return decision.outcome == outcome
    case .split(let section, let best, let expiresAt):
      guard case .held(.seats(let chosen), expiresAt) = decision.outcome, chosen == chosen.sorted() else { return false }
      let seats = chosen.map { self.seats[Int($0)] }
      return seats.allSatisfy { $0.section == section && isFree($0) } && score(seats) == best
    }
  }

  /// Whether what the state shows is what the reservations say, and no seat is there twice.
  func isReflected(by state: EventState) -> Bool {
    let live = state.reservations
    let taken = live.flatMap(\.allocation.seats)
    let expiries = live.sorted { ($0.expiresAt.microseconds, $0.sequence) < ($1.expiresAt.microseconds, $1.sequence) }
    return Set(live.map(\.id)) == Set(reservations.keys)
      && live.allSatisfy { reservations[$0.id]?.allocation == $0.allocation && state.reservation($0.id) == $0 }
      && Set(taken).count == taken.count
      && seats.indices.allSatisfy { state.seatIsTaken(SeatIndex($0)) == taken.contains(SeatIndex($0)) }
      && state.counts.map(\.available) == event.sections.indices.map(available)
      && state.counts.allSatisfy { $0.held >= 0 && $0.available >= 0 && $0.capacity == $0.held + $0.available }
      && Set(live.map(\.customer)).allSatisfy { state.tickets(of: $0) == tickets(of: $0, among: live) }
      && state.nextExpiry == expiries.first?.expiresAt
      && state.dueExpiries(at: Timestamp(microseconds: .max), upTo: 3) == expiries.prefix(3).map(\.id)
  }

  /// Whether nobody has more tickets than the event allows.
  func keepsLimit(_ state: EventState) -> Bool {
    state.reservations.allSatisfy { state.tickets(of: $0.customer) <= event.maxTicketsPerCustomer }
  }

  private func tickets(of customer: CustomerID, among live: [LiveReservation]) -> Int {
    live.filter { $0.customer == customer }.map(\.allocation.quantity).reduce(0, +)
  }
}
