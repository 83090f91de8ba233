import Ticketing

/// A history that a fuzzer writes: a small event and commands about it. Whatever the bytes are, they are some history.
enum FuzzTarget {
  /// What must hold and does not.
  struct Violation: Error, CustomStringConvertible {
    let description: String
  }

  /// More is not read: a longer history finds nothing that this one does not.
  private static let maximumSteps = 48

  /// One history in so many is followed closely: that takes many times as long as all the rest.
  private static let closelyFollowed = 32

  static func check(_ bytes: [UInt8]) throws {
    try check(bytes, closely: bytes.reduce(0) { $0 &* 31 &+ Int($1) } % closelyFollowed == 0)
  }

  /// - Parameter closely: whether every decision is compared with what trying all choices finds, and the whole state is looked at
  ///   after each; else that is done at the end.
  static func check(_ bytes: [UInt8], closely: Bool) throws {
    var choices = Choices(bytes)
    let event = choices.event()
    var naive = NaiveSale(event)
    var ledger = Ledger(event)
    var state = EventState(event: event)
    var history: [Decision] = []
    while !choices.isAtEnd, history.count < maximumSteps {
      let command = choices.command(event, seats: naive.seats.count)
      let decision = decide(command, given: state, at: choices.now)
      try require(decision.version == state.version + 1 && decision.decidedAt >= state.lastDecidedAt, "out of order: \(decision)")
      try require(decide(command, given: state, at: choices.now) == decision, "decided otherwise a second time: \(decision)")
      if closely {
        try require(naive.agrees(with: decision, at: choices.now), "decided otherwise than by trying all choices: \(decision)")
      }
      if choices.forges { try checkForgery(choices.forged(decision, seats: naive.seats.count), of: state, naive) }

      try require(ledger.enter(decision), "given twice, over a limit or taken from nobody: \(decision)")
      try state.replay(decision)
      naive.note(decision)
      history.append(decision)
      try require(ledger.available == state.counts.map(\.available), "counted otherwise after \(decision)")
      if closely { try require(naive.isReflected(by: state), "unsound after \(decision)") }
    }
    try require(naive.isReflected(by: state) && naive.keepsLimit(state), "unsound at the end")
    var replayed = EventState(event: event)
    for decision in history { try replayed.replay(decision) }
    try require(replayed == state, "replayed otherwise")
    let restored = try EventState(
      event: event, version: state.version, lastDecidedAt: state.lastDecidedAt, live: state.reservations.reversed())
    try require(restored == state, "restored otherwise")
  }

  /// A decision that nobody made, as a damaged journal may have it: it is refused and changes nothing, or leaves a sound state.
  private static func checkForgery(_ forged: Decision, of state: EventState, _ naive: NaiveSale) throws {
    var copy = state
    do throws(Contradiction) {
      try copy.replay(forged)
    } catch {
      return try require(copy == state, "refused, and changed the state: \(forged)")
    }
    var naive = naive
    naive.note(forged)
    try require(naive.isReflected(by: copy), "unsound after the forged \(forged)")
  }

  private static func require(_ condition: Bool, _ violation: @autoclosure () -> String) throws {
    if !condition { throw Violation(description: violation()) }
  }
}

/// Who has what, told from the decisions alone, and each entry checked against it.
private struct Ledger {
  private(set) var available: [Int]
  private var takenSeats: [Bool] = []
  private var sectionsOfSeats: [Int] = []
  private var live: [ReservationID: (customer: CustomerID, allocation: Allocation, expiresAt: Timestamp)] = [:]
  private var tickets: [CustomerID: Int] = [:]
  private let limit: Int

  init(_ event: Event) {
    available = event.sections.map(\.capacity)
    limit = event.maxTicketsPerCustomer
    for (index, section) in event.sections.enumerated() {
      for row in rows(of: section) { sectionsOfSeats += Array(repeating: index, count: row.seats) }
    }
    takenSeats = Array(repeating: false, count: sectionsOfSeats.count)
  }

  mutating func enter(_ decision: Decision) -> Bool {
    let id = decision.command.reservation
    switch decision.outcome {
    case .held(let allocation, let expiresAt):
      guard case .reserve(let request) = decision.command.action, live[id] == nil, allocation.quantity > 0 else { return false }
      live[id] = (request.customer, allocation, expiresAt)
      tickets[request.customer, default: 0] += allocation.quantity
      return tickets[request.customer, default: 0] <= limit && move(allocation, taken: true)
    case .extended(let expiresAt):
      guard let held = live[id], decision.decidedAt < held.expiresAt, held.expiresAt < expiresAt else { return false }
      live[id]?.expiresAt = expiresAt
      return true
    case .released, .expired:
      guard let held = live.removeValue(forKey: id) else { return false }
      if decision.outcome == .expired, decision.decidedAt < held.expiresAt { return false }
      tickets[held.customer, default: 0] -= held.allocation.quantity
      return move(held.allocation, taken: false)
    case .rejected, .unchanged: return true
    }
  }

  private mutating func move(_ allocation: Allocation, taken: Bool) -> Bool {
    switch allocation {
    case .places(let section, let quantity):
      available[section] += taken ? -quantity : quantity
      return available[section] >= 0
    case .seats(let seats):
      for seat in seats.map(Int.init) {
        guard takenSeats[seat] != taken else { return false }
        takenSeats[seat] = taken
        available[sectionsOfSeats[seat]] += taken ? -1 : 1
      }
      return true
    }
  }
}

/// Reads bytes as choices; where they end, every choice is the first.
private struct Choices {
  private var rest: ArraySlice<UInt8>
  private(set) var now = opening
  private(set) var forges = false
  private var lastID = 0

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  var isAtEnd: Bool { rest.isEmpty }

  private mutating func next() -> Int { rest.popFirst().map(Int.init) ?? 0 }

  private mutating func next(below limit: Int) -> Int { next() % limit }

  mutating func event() -> Event {
    let terms = next()
    let statuses: [Event.Status] = [.draft, .paused, .cancelled]
    return Event.onSale(
      (0..<1 + terms % 3).map { section($0) }, limit: 1 + next(below: 10), maxExtensions: terms / 3 % 3,
      status: terms < 250 ? .published : statuses[terms % 3])
  }

  private mutating func section(_ index: Int) -> Section {
    let size = next()
    if size % 3 == 0 { return .standing(1 + size / 3 % 12, id: "floor-\(index)") }
    let rows = (0..<1 + size / 3 % 3).map { _ in
      let row = next()
      return (0...row % 5).map { row >> ($0 + 3) & 1 == 1 ? ".|" : "." }.joined()
    }
    return .seated(rows, id: "block-\(index)")
  }

  mutating func command(_ event: Event, seats: Int) -> Command {
    let kind = next()
    // The clock of another machine may be behind.
    now = now.adding(seconds: [0, 0, 1, -1, 3, 10][kind / 16 % 6])
    forges = kind >= 192
    lastID += 1
    var id = lastID
    let action: Command.Action
    switch kind % 16 {
    case 0: action = .extend(known())
    case 1: action = .release(known())
    case 2: action = .expire(known())
    case 3: action = .discard(request(seats))
    case 4:
      id = 1 + next(below: lastID)
      action = .reserve(request(seats))
    default: action = .reserve(request(seats, fallbacks: kind % 16 > 12 ? kind % 16 - 12 : 0))
    }
    let afterOpening = kind == 191 ? [-1, 3599, 3600][next(below: 3)] : 0
    return Command(
      id: CommandID(UInt128(id)), event: event.id, action: action, acceptedAt: opening.adding(seconds: afterOpening))
  }

  private mutating func known() -> ReservationID { ReservationID(UInt128(1 + next(below: lastID))) }

  private mutating func request(_ seats: Int, fallbacks: Int = 0) -> Command.Request {
    Command.Request(
      customer: CustomerID(UInt128(1 + next(below: 4))), selection: selection(seats),
      fallbacks: (0..<fallbacks).map { _ in selection(seats) })
  }

  private mutating func selection(_ seats: Int) -> Selection {
    let kind = next()
    if kind == 255 { return .best(section: next() - 128, quantity: [-1, 0, 101, .max][next(below: 4)], adjacent: false) }
    if kind % 4 != 3 { return .best(section: kind / 4 % 4, quantity: 1 + kind / 16 % 8, adjacent: kind % 4 != 0) }
    return .seats((0..<kind / 4 % 5).map { _ in seat(seats) })
  }

  /// One of the event's, or one beside them.
  private mutating func seat(_ seats: Int) -> SeatIndex { SeatIndex(next(below: seats + 2) - 1) }

  mutating func forged(_ decision: Decision, seats: Int) -> Decision {
    var forged = decision
    let kind = next()
    switch kind % 8 {
    case 0: forged.outcome = .held(.places(section: next() - 2, quantity: next() - 2), expiresAt: now)
    case 1, 2: forged.outcome = .held(.seats((0..<kind / 8 % 5).map { _ in seat(seats) }), expiresAt: now)
    case 3: forged.outcome = .extended(expiresAt: now)
    case 4: forged.outcome = .released
    case 5: forged.outcome = .expired
    case 6: forged.version += Int64(kind / 8 - 1)
    default: forged.decidedAt = forged.decidedAt.adding(seconds: kind / 8 - 4)
    }
    return forged
  }
}
