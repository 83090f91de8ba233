import Pipeline
import TestSupport
import Ticketing

extension SeededGenerator {
  /// An extreme now and then: mistakes live at the edges.
  mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number {
    oneIn(4) ? [.min, .max, 0, 1].randomElement(using: &self)! : Number.random(in: .min ... .max, using: &self)
  }

  mutating func number(_ range: ClosedRange<Int>) -> Int {
    oneIn(4) ? [range.lowerBound, range.upperBound].randomElement(using: &self)! : Int.random(in: range, using: &self)
  }

  mutating func time() -> Timestamp {
    let times = Timestamp.representable
    if oneIn(4) { return oneIn(2) ? times.lowerBound : times.upperBound }
    return Timestamp(microseconds: .random(in: times.lowerBound.microseconds...times.upperBound.microseconds, using: &self))
  }

  mutating func text() -> String {
    let letters: [Character] = ["a", "Z", "0", " ", "\"", "\\", "\n", "\u{0}", "é", "ß", "漢", "😀", "e\u{301}", "👩‍👩‍👧"]
    return String((0..<number(0...12)).map { _ in letters.randomElement(using: &self)! })
  }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) } }

  mutating func seats() -> [SeatIndex] { (0..<number(0...100)).map { _ in number(SeatIndex.self) } }

  mutating func selection() -> Selection {
    oneIn(2)
      ? .seats(seats())
      : .best(section: number(0...65535), quantity: number(0...65535), adjacent: Bool.random(using: &self))
  }

  mutating func request() -> Command.Request {
    Command.Request(
      customer: CustomerID(number()), selection: selection(), fallbacks: (0..<number(0...4)).map { _ in selection() })
  }

  mutating func command() -> Command {
    let action: Command.Action =
      switch number(0...4) {
      case 0: .reserve(request())
      case 4: .discard(request())
      case 1: .extend(ReservationID(number()))
      case 2: .release(ReservationID(number()))
      default: .expire(ReservationID(number()))
      }
    return Command(id: CommandID(number()), event: EventID(number()), action: action, acceptedAt: time())
  }

  mutating func allocation() -> Allocation {
    oneIn(2) ? .seats(seats()) : .places(section: number(0...65535), quantity: number(0...65535))
  }

  mutating func rejection() -> Rejection {
    switch Int.random(in: 0..<10, using: &self) {
    case 0: .soldOut(section: number(0...65535), requested: number(0...65535), available: number(0...Int(UInt32.max)))
    case 1: .seatsTaken(seats())
    case 2: .noAdjacentSeats(section: number(0...65535), requested: number(0...65535))
    case 3: .limitExceeded(limit: number(0...65535), alreadyHas: number(0...65535), requested: number(0...65535))
    case 4: .notOnSale
    case 5: .salesPaused
    case 6: .unknownSection
    case 7: .unknownSeat
    case 8: .eventCancelled
    default: .discarded
    }
  }

  mutating func outcome() -> Outcome {
    switch Int.random(in: 0..<6, using: &self) {
    case 0: .held(allocation(), expiresAt: time())
    case 1: .rejected(rejection())
    case 2: .extended(expiresAt: time())
    case 3: .released
    case 4: .expired
    default: .unchanged([.notHeld, .noExtensionLeft, .notDue, .alreadyHeld].randomElement(using: &self)!)
    }
  }

  mutating func record() -> ReservationRecord {
    if oneIn(3) {
      return ReservationRecord(queued: QueuedCommand(command(), ordinal: number()), request: request())
    }
    return ReservationRecord(
      id: ReservationID(number()), event: EventID(number()),
      status: [.held, .paying, .confirmed, .rejected, .released, .expired, .refunded].randomElement(using: &self)!,
      version: number(), request: request(), createdAt: time(), sequence: number(),
      allocation: oneIn(2) ? nil : allocation(), expiresAt: oneIn(3) ? nil : time(), extensionsUsed: number(0...255),
      rejection: oneIn(2) ? nil : rejection())
  }

  mutating func event() -> Event {
    Event(
      id: EventID(number()), status: [.draft, .published, .paused, .cancelled].randomElement(using: &self)!, salesOpenAt: time(),
      salesCloseAt: time(), holdSeconds: number(0...Int(UInt32.max)), maxExtensions: number(0...65535),
      maxTicketsPerCustomer: number(0...65535), sections: (0..<number(0...4)).map { _ in section() })
  }

  private mutating func section() -> Section {
    let kind: Section.Kind =
      oneIn(2)
      ? .generalAdmission(capacity: number(0...Int(UInt32.max)))
      : .seated(
        rows: (0..<number(0...5)).map { _ in
          Row(name: text(), seats: number(0...65535), aislesAfter: (0..<number(0...5)).map { _ in number(0...65535) })
        })
    return Section(id: text(), name: text(), kind: kind, price: Money(amount: number(), currency: text()))
  }

  mutating func eventRecord() -> EventRecord {
    EventRecord(
      event: event(), organiser: CustomerID(number()), name: text(), venue: text(), description: oneIn(2) ? nil : text(),
      startsAt: time(), createdAt: time())
  }

  mutating func availability() -> Availability {
    let most = Int(UInt32.max)
    return Availability(
      version: number(), sections: (0..<number(0...20)).map { _ in .init(held: number(0...most), sold: number(0...most)) })
  }

  mutating func queuedCommand() -> QueuedCommand { QueuedCommand(command(), ordinal: number()) }
}
