extension EventState {
  /// Carries out a decision that was made from this very state. That it does not fit is impossible, and stops the process:
  /// whoever went on would sell a seat twice.
  public mutating func apply(_ decision: Decision) {
    do {
      try replay(decision)
    } catch {
      fatalError(error.description)
    }
  }

  /// Carries out a decision from the journal.
  /// - Throws: In what way it cannot follow on this state, which then is unchanged.
  public mutating func replay(_ decision: Decision) throws(Contradiction) {
    guard decision.command.event == event.id else { throw contradiction(.wrongEvent(decision.command.event)) }
    guard decision.version == version + 1 else { throw contradiction(.wrongVersion(decision.version)) }
    guard decision.decidedAt >= lastDecidedAt else { throw contradiction(.backInTime(decision.decidedAt)) }
    switch decision.outcome {
    case .held(let allocation, let expiresAt):
      guard case .reserve(let request) = decision.command.action else { throw contradiction(.wrongOutcome(decision.command.id)) }
      try hold(
        LiveReservation(
          id: decision.command.reservation, sequence: decision.version, customer: request.customer, allocation: allocation,
          expiresAt: expiresAt))
    case .extended(let expiresAt):
      table.extend(try liveSlot(decision.command.reservation), until: expiresAt)
    case .released, .expired:
      inventory.giveBack(table.remove(try liveSlot(decision.command.reservation)))
    case .rejected, .unchanged:
      break
    }
    version = decision.version
    lastDecidedAt = decision.decidedAt
  }

  private func liveSlot(_ id: ReservationID) throws(Contradiction) -> Slot {
    guard let slot = table.slot(of: id) else { throw contradiction(.notHeld(id)) }
    return slot
  }

  /// Gives the reservation its tickets, if that is possible.
  mutating func hold(_ reservation: LiveReservation) throws(Contradiction) {
    if table.slot(of: reservation.id) != nil { throw contradiction(.heldTwice(reservation.id)) }
    switch reservation.allocation {
    case .places(let section, let quantity): try checkPlaces(quantity, in: section, of: reservation.id)
    case .seats(let seats): try checkSeats(seats, of: reservation.id)
    }
    inventory.take(reservation.allocation)
    table.insert(reservation)
  }

  private func checkPlaces(_ quantity: Int, in section: SectionIndex, of id: ReservationID) throws(Contradiction) {
    guard plan.sections.indices.contains(section), case .generalAdmission = plan.sections[section].kind else {
      throw contradiction(.sectionUnknown(section, id))
    }
    guard quantity >= 1 else { throw contradiction(.noTickets(id)) }
    let available = inventory.available[section]
    guard quantity <= available else {
      throw contradiction(.overCapacity(section: plan.sections[section].id, id, quantity: quantity, available: available))
    }
  }

  private func checkSeats(_ seats: [SeatIndex], of id: ReservationID) throws(Contradiction) {
    guard !seats.isEmpty else { throw contradiction(.noTickets(id)) }
    var last: SeatIndex = -1
    for seat in seats {
      guard plan.contains(seat) else { throw contradiction(.seatUnknown(seat, id)) }
      guard last < seat else { throw contradiction(.seatsNotAscending(id)) }
      guard !seatIsTaken(seat) else {
        throw contradiction(.seatTwice(plan.name(of: seat), id, other: holder(of: seat)))
      }
      last = seat
    }
  }

  /// Looks through all reservations: only for the message of a contradiction.
  private func holder(of seat: SeatIndex) -> ReservationID? {
    reservations.first { reservation in
      if case .seats(let seats) = reservation.allocation { seats.contains(seat) } else { false }
    }?.id
  }
}
