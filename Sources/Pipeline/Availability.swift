public import Ticketing

/// How many tickets of each section are left, at one version of the event.
public struct Availability: Hashable, Sendable {
  /// One section's counts, in its event's order of sections.
  public struct Counts: Hashable, Sendable {
    public var held: Int
    public var sold: Int

    public init(held: Int, sold: Int) {
      self.held = held
      self.sold = sold
    }
  }

  public var version: Int64
  public var sections: [Counts]

  public init(version: Int64, sections: [Counts]) {
    self.version = version
    self.sections = sections
  }

  /// What a new event has: everything.
  public init(untouched event: Event) {
    self.init(version: 0, sections: event.sections.map { _ in Counts(held: 0, sold: 0) })
  }

  public var encoded: [UInt8] {
    var writer = ByteWriter(capacity: 10 + sections.count * 8)
    writer.write(version)
    writer.write(UInt16(sections.count))
    for section in sections {
      writer.write(UInt32(section.held))
      writer.write(UInt32(section.sold))
    }
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(CodingFailure) {
    var reader = ByteReader(bytes)
    version = try reader.read()
    sections = []
    for _ in 0..<(try reader.read(UInt16.self)) {
      sections.append(Counts(held: Int(try reader.read(UInt32.self)), sold: Int(try reader.read(UInt32.self))))
    }
    try reader.expectEnd()
  }
}

/// The letters of a seat map, one a seat.
public enum SeatLetter {
  public static let available = UInt8(ascii: "a")
  public static let held = UInt8(ascii: "h")
  public static let sold = UInt8(ascii: "s")
}
