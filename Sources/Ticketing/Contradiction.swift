/// What was written down about an event cannot be true, or a decision cannot follow on its state. Nothing can be decided about
/// the event until somebody has looked: trying again does not help.
public struct Contradiction: Error, Hashable, CustomStringConvertible {
  public enum Kind: Hashable, Sendable {
    /// The decision is about another event.
    case wrongEvent(EventID)
    /// The decision's version is not the next one.
    case wrongVersion(Int64)
    /// The decision was made before the last one.
    case backInTime(Timestamp)
    /// A command other than a reservation was answered with tickets.
    case wrongOutcome(CommandID)
    /// Extended, released or expired, but it has no tickets.
    case notHeld(ReservationID)
    case heldTwice(ReservationID)
    case noTickets(ReservationID)
    case sectionUnknown(SectionIndex, ReservationID)
    case overCapacity(section: String, ReservationID, quantity: Int, available: Int)
    case seatUnknown(SeatIndex, ReservationID)
    case seatsNotAscending(ReservationID)
    case seatTwice(String, ReservationID, other: ReservationID?)
    /// A reservation was made by a decision that the event does not have.
    case decisionUnknown(ReservationID, sequence: Int64)
    /// Two reservations were made by the same decision.
    case decisionTwice(ReservationID, ReservationID, sequence: Int64)
  }

  public var event: EventID
  /// The event's version when it was found.
  public var version: Int64
  public var kind: Kind

  public init(event: EventID, version: Int64, kind: Kind) {
    self.event = event
    self.version = version
    self.kind = kind
  }

  public var description: String { "Event \(event) at version \(version): \(sentence)" }

  private var sentence: String {
    switch kind {
    case .wrongEvent(let other): "a decision about event \(other) was to be applied."
    case .wrongVersion(let other): "decision \(other) was to be applied, but the next is \(version + 1)."
    case .backInTime(let time): "a decision made at \(time.microseconds) µs was to be applied, which is before the last one."
    case .wrongOutcome(let command): "command \(command) is no reservation, but was answered with tickets."
    case .notHeld(let id): "reservation \(id) was to be extended, released or expired, but has no tickets."
    case .heldTwice(let id): "reservation \(id) is there twice."
    case .noTickets(let id): "reservation \(id) holds no tickets."
    case .sectionUnknown(let section, let id): "reservation \(id) has places in section \(section), which has none."
    case .overCapacity(let section, let id, let quantity, let available):
      "reservation \(id) has \(quantity) places in \(section), where only \(available) were left."
    case .seatUnknown(let seat, let id): "reservation \(id) has seat \(seat), which does not exist."
    case .seatsNotAscending(let id): "the seats of reservation \(id) are not in ascending order."
    case .seatTwice(let seat, let id, let other):
      "seat \(seat) belongs to reservation \(id) and to \(other.map { "reservation \($0)" } ?? "another one")."
    case .decisionUnknown(let id, let sequence): "reservation \(id) was made by decision \(sequence), which does not exist."
    case .decisionTwice(let one, let other, let sequence):
      "reservations \(one) and \(other) were both made by decision \(sequence)."
    }
  }
}
