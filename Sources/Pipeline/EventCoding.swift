public import Ticketing

extension ByteWriter {
  /// The event's terms: what the origin of its hash chain covers, and what the view keeps.
  public mutating func write(_ event: Event) {
    write(event.id.rawValue)
    write(event.status.rawValue)
    write(event.salesOpenAt.microseconds)
    write(event.salesCloseAt.microseconds)
    write(UInt32(event.holdSeconds))
    write(UInt16(event.maxExtensions))
    write(UInt16(event.maxTicketsPerCustomer))
    write(UInt16(event.sections.count))
    for section in event.sections { write(section) }
  }

  private mutating func write(_ section: Section) {
    write(section.id)
    write(section.name)
    write(section.price.amount)
    write(section.price.currency)
    switch section.kind {
    case .generalAdmission(let capacity):
      write(UInt8(0))
      write(UInt32(capacity))
    case .seated(let rows):
      write(UInt8(1))
      write(UInt16(rows.count))
      for row in rows {
        write(row.name)
        write(UInt16(row.seats))
        write(UInt8(row.aislesAfter.count))
        for aisle in row.aislesAfter { write(UInt16(aisle)) }
      }
    }
  }
}

extension ByteReader {
  public mutating func readEvent() throws(CodingFailure) -> Event {
    let id = EventID(try read())
    let code = try read(UInt8.self)
    guard let status = Event.Status(rawValue: code) else { throw CodingFailure("the unknown status \(code)") }
    var event = Event(
      id: id, status: status,
      salesOpenAt: try readTime(), salesCloseAt: try readTime(),
      holdSeconds: Int(try read(UInt32.self)), maxExtensions: Int(try read(UInt16.self)),
      maxTicketsPerCustomer: Int(try read(UInt16.self)), sections: [])
    for _ in 0..<(try read(UInt16.self)) { event.sections.append(try readSection()) }
    return event
  }

  private mutating func readSection() throws(CodingFailure) -> Section {
    let id = try readText()
    let name = try readText()
    let price = Money(amount: try read(), currency: try readText())
    let tag = try read(UInt8.self)
    switch tag {
    case 0: return Section(id: id, name: name, kind: .generalAdmission(capacity: Int(try read(UInt32.self))), price: price)
    case 1:
      var rows: [Row] = []
      for _ in 0..<(try read(UInt16.self)) {
        var row = Row(name: try readText(), seats: Int(try read(UInt16.self)))
        for _ in 0..<(try read(UInt8.self)) { row.aislesAfter.append(Int(try read(UInt16.self))) }
        rows.append(row)
      }
      return Section(id: id, name: name, kind: .seated(rows: rows), price: price)
    default: throw CodingFailure("a section of the unknown kind \(tag)")
    }
  }
}
