public import Ticketing

/// An event as the catalogue shows it: its terms, and what people read about it.
public struct EventRecord: Hashable, Sendable {
  public var event: Event
  public var organiser: CustomerID
  public var name: String
  public var venue: String
  public var description: String?
  public var startsAt: Timestamp
  public var createdAt: Timestamp

  public init(
    event: Event, organiser: CustomerID, name: String, venue: String, description: String?, startsAt: Timestamp,
    createdAt: Timestamp
  ) {
    self.event = event
    self.organiser = organiser
    self.name = name
    self.venue = venue
    self.description = description
    self.startsAt = startsAt
    self.createdAt = createdAt
  }

  /// Its place in a list of events.
  public var pageMark: PageMark { PageMark(time: startsAt, id: event.id.rawValue) }

  /// Whether this is the same offer, whenever it was made: what a repeated idempotency key is compared by. A sale that opens at once
  /// opens when its event is created.
  public func isSameOffer(as other: EventRecord) -> Bool {
    var copy = other
    copy.createdAt = createdAt
    if other.opensAtOnce { copy.event.salesOpenAt = createdAt }
    return self == copy
  }

  private var opensAtOnce: Bool { event.salesOpenAt == createdAt }
}

extension EventRecord {
  private static let encoding: UInt8 = 1

  public var encoded: [UInt8] {
    var writer = ByteWriter(capacity: 1024)
    writer.write(Self.encoding)
    writer.write(organiser.rawValue)
    writer.write(startsAt.microseconds)
    writer.write(createdAt.microseconds)
    writer.write(name)
    writer.write(venue)
    writer.write(UInt8(description == nil ? 0 : 1))
    if let description { writer.write(description) }
    writer.write(event)
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(CodingFailure) {
    var reader = ByteReader(bytes)
    let found = try reader.read(UInt8.self)
    guard found == Self.encoding else { throw CodingFailure("an event of the unknown version \(found)") }
    organiser = CustomerID(try reader.read())
    startsAt = try reader.readTime()
    createdAt = try reader.readTime()
    name = try reader.readText()
    venue = try reader.readText()
    let described = try reader.read(UInt8.self)
    guard described <= 1 else { throw CodingFailure("an event with the unknown part \(described)") }
    if described == 1 { description = try reader.readText() }
    event = try reader.readEvent()
    try reader.expectEnd()
  }
}
