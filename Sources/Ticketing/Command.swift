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

  /// For `reserve`, this is also the reservation's id.
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
    case .reserve: ReservationID(id.rawValue)
    case .extend(let id), .release(let id), .expire(let id): id
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
