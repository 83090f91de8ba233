/// A section of an event, by its place in ``Event/sections``.
public typealias SectionIndex = Int

/// A seat of an event: counted from 0 through its seated sections, their rows and seats in order.
public typealias SeatIndex = Int32

/// Something that somebody wants of an event. Commands are decided one after the other, in the order of the event's queue.
public struct Command: Hashable, Sendable {
  public enum Action: Hashable, Sendable {
    case reserve(Request)
    /// More time for a hold.
    case extend(ReservationID)
    /// The tickets back on sale.
    case release(ReservationID)
    /// Issued by the worker itself once a hold's time is over.
    case expire(ReservationID)
    /// An operator's end of a request that could not be handled. It has the request's own id: the two are one command, and whichever
    /// is decided first is the answer.
    case discard(Request)
  }

  /// Who wants which tickets.
  public struct Request: Hashable, Sendable {
    public var customer: CustomerID
    public var selection: Selection
    /// Tried in order, in the same decision, where `selection` cannot be met.
    public var fallbacks: [Selection]

    public init(customer: CustomerID, selection: Selection, fallbacks: [Selection] = []) {
      self.customer = customer
      self.selection = selection
      self.fallbacks = fallbacks
    }
  }

  /// For `reserve` and `discard`, this is also the reservation's id.
  public var id: CommandID
  public var event: EventID
  public var action: Action
  /// When the gateway took it: what the sale's window is judged by.
  public var acceptedAt: Timestamp

  public init(id: CommandID, event: EventID, action: Action, acceptedAt: Timestamp) {
    self.id = id
    self.event = event
    self.action = action
    self.acceptedAt = acceptedAt
  }

  /// The reservation that the command asks for or is about.
  public var reservation: ReservationID {
    switch action {
    case .reserve, .discard: ReservationID(id.rawValue)
    case .extend(let id), .release(let id), .expire(let id): id
    }
  }

  /// What is asked for, if the command's decision makes a reservation, granted or refused.
  public var request: Request? {
    switch action {
    case .reserve(let request), .discard(let request): request
    case .extend, .release, .expire: nil
    }
  }
}

/// Which tickets would do.
public enum Selection: Hashable, Sendable {
  /// Any `quantity` tickets of a general-admission section, or the best available seats of a seated one. With `adjacent` false a
  /// party may be split where no run of seats is long enough.
  case best(section: SectionIndex, quantity: Int, adjacent: Bool)
  /// These seats, all or none.
  case seats([SeatIndex])

  /// How many tickets it asks for.
  public var quantity: Int {
    switch self {
    case .best(_, let quantity, _): quantity
    case .seats(let seats): seats.count
    }
  }
}
