public import Ticketing

// The one encoding of a command: in messages, in the journal and under the journal's hashes. It is canonical: equal commands have
// equal bytes. A change of it needs a new version in ``CommandMessage`` and must still read the old one, since the journal keeps it. A
// new kind of command needs none: whoever does not know it sets that one command aside.

extension ByteWriter {
  public mutating func write(_ command: Command) {
    write(command.action.kind)
    write(command.id.rawValue)
    write(command.event.rawValue)
    write(command.acceptedAt.microseconds)
    switch command.action {
    case .reserve(let request), .discard(let request): write(request)
    case .extend(let reservation), .release(let reservation), .expire(let reservation): write(reservation.rawValue)
    }
  }

  public mutating func write(_ request: Command.Request) {
    write(request.customer.rawValue)
    write(UInt8(1 + request.fallbacks.count))
    write(request.selection)
    for fallback in request.fallbacks { write(fallback) }
  }

  private mutating func write(_ selection: Selection) {
    switch selection {
    case .best(let section, let quantity, let adjacent):
      write(UInt8(adjacent ? 1 : 0))
      write(UInt16(section))
      write(UInt16(quantity))
    case .seats(let seats):
      write(UInt8(2))
      write(seats)
    }
  }

  mutating func write(_ seats: [SeatIndex]) {
    write(UInt16(seats.count))
    for seat in seats { write(seat) }
  }
}

extension Command.Action {
  fileprivate var kind: UInt8 {
    switch self {
    case .reserve: 1
    case .extend: 2
    case .release: 3
    case .expire: 4
    case .discard: 5
    }
  }
}

extension ByteReader {
  /// A time that clients can be told. Any other is a mistake, and is found here and not where somebody is told it.
  public mutating func readTime() throws(CodingFailure) -> Timestamp {
    let time = Timestamp(microseconds: try read())
    guard Timestamp.representable.contains(time) else { throw CodingFailure("the time \(time.microseconds) µs") }
    return time
  }

  public mutating func readCommand() throws(CodingFailure) -> Command {
    let kind = try read(UInt8.self)
    let id = CommandID(try read())
    let event = EventID(try read())
    let acceptedAt = try readTime()
    let action: Command.Action
    switch kind {
    case 1: action = .reserve(try readRequest())
    case 2: action = .extend(ReservationID(try read()))
    case 3: action = .release(ReservationID(try read()))
    case 4: action = .expire(ReservationID(try read()))
    case 5: action = .discard(try readRequest())
    default: throw CodingFailure("a command of the unknown kind \(kind)")
    }
    return Command(id: id, event: event, action: action, acceptedAt: acceptedAt)
  }

  public mutating func readRequest() throws(CodingFailure) -> Command.Request {
    let customer = CustomerID(try read())
    let count = try read(UInt8.self)
    guard count >= 1 else { throw CodingFailure("a request without a selection") }
    let selection = try readSelection()
    var fallbacks: [Selection] = []
    for _ in 1..<count { fallbacks.append(try readSelection()) }
    return Command.Request(customer: customer, selection: selection, fallbacks: fallbacks)
  }

  private mutating func readSelection() throws(CodingFailure) -> Selection {
    let tag = try read(UInt8.self)
    switch tag {
    case 0, 1: return .best(section: Int(try read(UInt16.self)), quantity: Int(try read(UInt16.self)), adjacent: tag == 1)
    case 2: return .seats(try readSeats())
    default: throw CodingFailure("a selection of the unknown kind \(tag)")
    }
  }

  mutating func readSeats() throws(CodingFailure) -> [SeatIndex] {
    let count = Int(try read(UInt16.self))
    var seats: [SeatIndex] = []
    seats.reserveCapacity(min(count, 128))
    for _ in 0..<count { seats.append(try read()) }
    return seats
  }
}
