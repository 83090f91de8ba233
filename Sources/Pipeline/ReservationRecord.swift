public import Ticketing

/// A reservation as clients are shown it, before it is put into words: what the view keeps.
public struct ReservationRecord: Hashable, Sendable {
  /// The states of the contract.
  public enum Status: UInt8, Sendable {
    case queued = 0, held = 1, paying = 2, confirmed = 3, rejected = 4, released = 5, expired = 6, refunded = 7

    /// Whether nothing more can happen to the reservation.
    public var isFinal: Bool {
      switch self {
      case .queued, .held, .paying: false
      case .confirmed, .rejected, .released, .expired, .refunded: true
      }
    }
  }

  public var id: ReservationID
  public var event: EventID
  public var status: Status
  /// Grows with every change of this reservation; 0 while queued.
  public var version: Int64
  public var request: Command.Request
  public var createdAt: Timestamp
  /// Its place in line while it is queued; see ``QueuedCommand/ordinal``.
  public var ordinal: Int64
  /// Its place in the event's order of decisions; 0 while queued.
  public var sequence: Int64 = 0
  public var allocation: Allocation?
  public var expiresAt: Timestamp?
  public var extensionsUsed = 0
  public var rejection: Rejection?

  /// A reservation that waits for its decision.
  public init(queued command: QueuedCommand, request: Command.Request) {
    id = command.command.reservation
    event = command.command.event
    status = .queued
    version = 0
    self.request = request
    createdAt = command.command.acceptedAt
    ordinal = command.ordinal
  }

  /// A reservation that has been decided.
  public init(
    id: ReservationID, event: EventID, status: Status, version: Int64, request: Command.Request, createdAt: Timestamp,
    sequence: Int64, allocation: Allocation? = nil, expiresAt: Timestamp? = nil, extensionsUsed: Int = 0,
    rejection: Rejection? = nil
  ) {
    self.id = id
    self.event = event
    self.status = status
    self.version = version
    self.request = request
    self.createdAt = createdAt
    ordinal = 0
    self.sequence = sequence
    self.allocation = allocation
    self.expiresAt = expiresAt
    self.extensionsUsed = extensionsUsed
    self.rejection = rejection
  }

  public var customer: CustomerID { request.customer }

  /// Its place in its customer's list.
  public var pageMark: PageMark { PageMark(time: createdAt, id: id.rawValue) }
}

extension ReservationRecord {
  /// The version of the encoding below, its first byte.
  private static let encoding: UInt8 = 1

  public var encoded: [UInt8] {
    var writer = ByteWriter(capacity: 128)
    writer.write(Self.encoding)
    writer.write(status.rawValue)
    writer.write(id.rawValue)
    writer.write(event.rawValue)
    writer.write(version)
    writer.write(createdAt.microseconds)
    writer.write(ordinal)
    writer.write(sequence)
    writer.write(expiresAt?.microseconds ?? .min)
    writer.write(UInt8(extensionsUsed))
    writer.write(request)
    writer.write(UInt8((allocation == nil ? 0 : 1) | (rejection == nil ? 0 : 2)))
    if let allocation { writer.write(allocation) }
    if let rejection { writer.write(rejection) }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(CodingFailure) {
    var reader = ByteReader(bytes)
    let found = try reader.read(UInt8.self)
    guard found == Self.encoding else { throw CodingFailure("a record of the unknown version \(found)") }
    let code = try reader.read(UInt8.self)
    guard let status = Status(rawValue: code) else { throw CodingFailure("the unknown status \(code)") }
    self.status = status
    id = ReservationID(try reader.read())
    event = EventID(try reader.read())
    version = try reader.read()
    createdAt = try reader.readTime()
    ordinal = try reader.read()
    sequence = try reader.read()
    var ahead = reader
    if try ahead.read(Int64.self) == .min { reader = ahead } else { expiresAt = try reader.readTime() }
    extensionsUsed = Int(try reader.read(UInt8.self))
    request = try reader.readRequest()
    let parts = try reader.read(UInt8.self)
    guard parts <= 3 else { throw CodingFailure("a record with the unknown parts \(parts)") }
    if parts & 1 != 0 { allocation = try reader.readAllocation() }
    if parts & 2 != 0 { rejection = try reader.readRejection() }
    try reader.expectEnd()
  }
}
