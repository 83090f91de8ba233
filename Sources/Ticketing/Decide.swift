/// Decides a command, as of an event's state, and changes nothing: the same arguments give the same decision, on any machine, at
/// any time.
///
/// - Parameter now: The decider's clock. Where it is behind the last decision, that one's time is taken: time never runs
///   backwards within an event.
public func decide(_ command: Command, given state: EventState, at now: Timestamp) -> Decision {
  let decidedAt = max(now, state.lastDecidedAt)
  let outcome: Outcome =
    switch command.action {
    case .reserve(let request):
      reserve(request, as: command.reservation, acceptedAt: command.acceptedAt, given: state, at: decidedAt)
    case .extend(let id): extend(id, given: state, at: decidedAt)
    case .release(let id): state.table.slot(of: id) == nil ? .unchanged(.notHeld) : .released
    case .expire(let id): expire(id, given: state, at: decidedAt)
    case .discard: state.table.slot(of: command.reservation) == nil ? .rejected(.discarded) : .unchanged(.alreadyHeld)
    }
  return Decision(version: state.version + 1, command: command, decidedAt: decidedAt, outcome: outcome)
}

/// A reservation that is live already is not made a second time. Commands are told apart by their ids before they come here, so
/// this only limits the damage of a mistake there.
private func reserve(
  _ request: Command.Request, as id: ReservationID, acceptedAt: Timestamp, given state: EventState, at now: Timestamp
) -> Outcome {
  if state.table.slot(of: id) != nil { return .unchanged(.alreadyHeld) }
  if let rejection = refuseSale(of: state.event, to: acceptedAt) { return .rejected(rejection) }
  let alreadyHas = state.table.tickets(of: request.customer)
  let expiresAt = now.adding(seconds: state.event.holdSeconds)
  switch choose(request.selection, alreadyHas: alreadyHas, given: state) {
  case .tickets(let allocation): return .held(allocation, expiresAt: expiresAt)
  case .refused(let rejection):
    for fallback in request.fallbacks {
      if case .tickets(let allocation) = choose(fallback, alreadyHas: alreadyHas, given: state) {
        return .held(allocation, expiresAt: expiresAt)
      }
    }
    return .rejected(rejection)
  }
}

/// Why nobody whose request was accepted then can have tickets, whatever they asked for.
private func refuseSale(of event: Event, to acceptedAt: Timestamp) -> Rejection? {
  switch event.status {
  case .cancelled: .eventCancelled
  case .paused: .salesPaused
  case .draft: .notOnSale
  case .published: acceptedAt < event.salesOpenAt || acceptedAt >= event.salesCloseAt ? .notOnSale : nil
  }
}

/// A hold whose time is over cannot be extended, even where its expiry has not been decided yet.
private func extend(_ id: ReservationID, given state: EventState, at now: Timestamp) -> Outcome {
  guard let slot = state.table.slot(of: id), now < state.table[slot].expiresAt else { return .unchanged(.notHeld) }
  guard state.table[slot].extensionsUsed < state.event.maxExtensions else { return .unchanged(.noExtensionLeft) }
  return .extended(expiresAt: state.table[slot].expiresAt.adding(seconds: state.event.holdSeconds))
}

private func expire(_ id: ReservationID, given state: EventState, at now: Timestamp) -> Outcome {
  guard let slot = state.table.slot(of: id) else { return .unchanged(.notHeld) }
  return now < state.table[slot].expiresAt ? .unchanged(.notDue) : .expired
}
