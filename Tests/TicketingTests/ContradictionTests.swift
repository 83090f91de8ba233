import Testing
import Ticketing

/// What the database or the journal says may be wrong; then it is said what, and nothing is decided on it.
struct ContradictionTests {
  private static let event = Event.onSale([.standing(5), .seated(["..."])])

  private static func live(_ id: UInt128, _ sequence: Int64, _ allocation: Allocation) -> LiveReservation {
    LiveReservation(
      id: ReservationID(id), sequence: sequence, customer: CustomerID(1), allocation: allocation, expiresAt: opening)
  }

  @Test(
    arguments: [
      (
        [live(1, 1, .seats([0, 1])), live(2, 2, .seats([1]))],
        .seatTwice("block-a-A-2", ReservationID(2), other: ReservationID(1))
      ),
      ([live(1, 1, .seats([1, 1]))], .seatsNotAscending(ReservationID(1))),
      ([live(1, 1, .seats([1, 0]))], .seatsNotAscending(ReservationID(1))),
      ([live(1, 1, .seats([3]))], .seatUnknown(3, ReservationID(1))),
      ([live(1, 1, .seats([-1]))], .seatUnknown(-1, ReservationID(1))),
      ([live(1, 1, .seats([]))], .noTickets(ReservationID(1))),
      ([live(1, 1, .places(section: 0, quantity: 0))], .noTickets(ReservationID(1))),
      (
        [live(1, 1, .places(section: 0, quantity: 3)), live(2, 2, .places(section: 0, quantity: 3))],
        .overCapacity(section: "floor", ReservationID(2), quantity: 3, available: 2)
      ),
      ([live(1, 1, .places(section: 1, quantity: 1))], .sectionUnknown(1, ReservationID(1))),
      ([live(1, 1, .places(section: 2, quantity: 1))], .sectionUnknown(2, ReservationID(1))),
      ([live(1, 1, .seats([0])), live(1, 2, .seats([1]))], .heldTwice(ReservationID(1))),
      ([live(1, 8, .seats([0]))], .decisionUnknown(ReservationID(1), sequence: 8)),
      ([live(1, 0, .seats([0]))], .decisionUnknown(ReservationID(1), sequence: 0)),
      (
        [live(1, 2, .seats([0])), live(2, 2, .seats([1]))],
        .decisionTwice(ReservationID(1), ReservationID(2), sequence: 2)
      ),
    ] as [([LiveReservation], Contradiction.Kind)])
  func `a state that contradicts itself is refused`(live: [LiveReservation], kind: Contradiction.Kind) {
    let error = #expect(throws: Contradiction.self) {
      try EventState(event: Self.event, version: 7, lastDecidedAt: opening, live: live)
    }
    #expect(error == Contradiction(event: Self.event.id, version: 7, kind: kind))
  }

  @Test(
    arguments: [
      (1, .release(ReservationID(1)), .released, .wrongVersion(1)),
      (3, .release(ReservationID(1)), .released, .wrongVersion(3)),
      (2, .release(ReservationID(7)), .released, .notHeld(ReservationID(7))),
      (2, .expire(ReservationID(7)), .expired, .notHeld(ReservationID(7))),
      (2, .extend(ReservationID(7)), .extended(expiresAt: opening), .notHeld(ReservationID(7))),
      (2, .release(ReservationID(1)), .held(.seats([0]), expiresAt: opening), .wrongOutcome(CommandID(50))),
      (
        2, .reserve(Command.Request(customer: CustomerID(1), selection: .seats([2]))), .held(.seats([2]), expiresAt: opening),
        .seatTwice("block-a-A-3", ReservationID(50), other: ReservationID(1))
      ),
    ] as [(Int64, Command.Action, Outcome, Contradiction.Kind)])
  func `a decision that cannot follow is refused, and changes nothing`(
    version: Int64, action: Command.Action, outcome: Outcome, kind: Contradiction.Kind
  ) throws {
    var state = try EventState(
      event: Self.event, version: 1, lastDecidedAt: opening, live: [Self.live(1, 1, .seats([2]))])
    let before = state
    let command = Command(id: CommandID(50), event: Self.event.id, action: action, acceptedAt: opening)
    let decision = Decision(version: version, command: command, decidedAt: opening, outcome: outcome)
    let error = #expect(throws: Contradiction.self) { try state.replay(decision) }
    #expect(error?.kind == kind)
    #expect(state == before)
  }

  @Test func `a decision about another event, or made too early, is refused`() {
    var sale = Sale(Self.event)
    sale.perform(.release(ReservationID(1)))
    var command = Command(id: CommandID(1), event: EventID(7), action: .release(ReservationID(1)), acceptedAt: opening)
    var decision = decide(command, given: sale.state, at: sale.now)
    #expect(throws: Contradiction(event: Self.event.id, version: 1, kind: .wrongEvent(EventID(7)))) {
      try sale.state.replay(decision)
    }
    command.event = Self.event.id
    let early = Timestamp(microseconds: opening.microseconds - 1)
    decision = Decision(version: 2, command: command, decidedAt: early, outcome: .unchanged(.notHeld))
    #expect(throws: Contradiction(event: Self.event.id, version: 1, kind: .backInTime(early))) {
      try sale.state.replay(decision)
    }
  }

  @Test func `a contradiction says what and where`() {
    let contradiction = Contradiction(
      event: EventID(0xE), version: 7, kind: .seatTwice("block-a-3-12", ReservationID(2), other: ReservationID(1)))
    #expect(
      contradiction.description == """
        Event 00000000-0000-0000-0000-00000000000e at version 7: seat block-a-3-12 belongs to reservation \
        00000000-0000-0000-0000-000000000002 and to reservation 00000000-0000-0000-0000-000000000001.
        """)
  }

  @Test func `applying a decision that was made on another state stops the process`() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var sale = Sale(Event.onSale([.standing(5)]))
      let command = Command(
        id: CommandID(1), event: sale.state.event.id, action: .release(ReservationID(1)), acceptedAt: opening)
      let decision = decide(command, given: sale.state, at: opening)
      sale.state.apply(decision)
      sale.state.apply(decision)
    }
    let complaint = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(complaint.contains("at version 1: decision 1 was to be applied, but the next is 2."))
  }
}
