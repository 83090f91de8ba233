/// What a selection comes to.
enum Choice {
  case tickets(Allocation)
  case refused(Rejection)
}

/// Finds the tickets for a selection, or says why there are none. The checks are made in this order: what does not exist, the
/// customer's limit, what is free.
///
/// A selection of no ticket at all, or of more than any may have, exceeds the limit, and one that names a seat twice names an
/// unknown seat: the gateway lets none of these through, and here they get nothing.
func choose(_ selection: Selection, alreadyHas: Int, given state: EventState) -> Choice {
  switch selection {
  case .best(let section, let quantity, let adjacent):
    guard state.plan.sections.indices.contains(section) else { return .refused(.unknownSection) }
    if let rejection = exceededLimit(quantity, alreadyHas: alreadyHas, of: state.event) { return .refused(rejection) }
    return chooseBest(quantity, in: section, adjacent: adjacent, from: state.inventory)
  case .seats(let seats):
    let seats = seats.sorted()
    let repeats = zip(seats, seats.dropFirst()).contains { $0 == $1 }
    guard !repeats, seats.allSatisfy(state.plan.contains) else { return .refused(.unknownSeat) }
    if let rejection = exceededLimit(seats.count, alreadyHas: alreadyHas, of: state.event) { return .refused(rejection) }
    let taken = seats.filter(state.seatIsTaken)
    return taken.isEmpty ? .tickets(.seats(seats)) : .refused(.seatsTaken(taken))
  }
}

private func exceededLimit(_ quantity: Int, alreadyHas: Int, of event: Event) -> Rejection? {
  if Selection.quantities.contains(quantity), alreadyHas + quantity <= event.maxTicketsPerCustomer { return nil }
  return .limitExceeded(limit: event.maxTicketsPerCustomer, alreadyHas: alreadyHas, requested: quantity)
}

private func chooseBest(_ quantity: Int, in section: SectionIndex, adjacent: Bool, from inventory: Inventory) -> Choice {
  let available = inventory.available[section]
  guard available >= quantity else {
    return .refused(.soldOut(section: section, requested: quantity, available: available))
  }
  if case .generalAdmission = inventory.plan.sections[section].kind {
    return .tickets(.places(section: section, quantity: quantity))
  }
  if let run = inventory.bestRun(of: quantity, in: section) { return .tickets(.seats(Array(run))) }
  if adjacent { return .refused(.noAdjacentSeats(section: section, requested: quantity)) }
  return .tickets(.seats(inventory.fewestRuns(for: quantity, in: section)))
}

extension Selection {
  /// How many tickets one may ask for.
  public static let quantities = 1...100
}
