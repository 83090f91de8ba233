public import Pipeline
public import Ticketing

/// Reads an event from the JSON that `POST /v1/events` takes.
/// - Throws: ``InvalidInput`` with all that is wrong.
public func readNewEvent(_ bytes: [UInt8], id: EventID, organiser: CustomerID, now: Timestamp) throws -> EventRecord {
  do {
    return try NewEventBody.read(try JSONParser.parse(bytes), id: id, organiser: organiser, now: now)
  } catch let error as JSONSyntaxError {
    throw InvalidInput(Problem(.malformedJSON, "At byte \(error.offset): \(error.message)."))
  } catch let problem as Problem {
    throw InvalidInput(problem)
  }
}

/// Reads the body of a new event against the contract's `NewEvent`.
enum NewEventBody {
  private static let maximumSeats = 200_000

  /// - Throws: `422` with all that is wrong.
  static func read(_ json: JSONValue, id: EventID, organiser: CustomerID, now: Timestamp) throws -> EventRecord {
    let errors = Body.Errors()
    let keys = [
      "name", "venue", "description", "starts_at", "sales_open_at", "sales_close_at", "hold_seconds", "max_extensions",
      "max_tickets_per_customer", "status", "sections",
    ]
    guard let body = Body(json, keys: keys, errors) else { throw Problem.invalid(errors.found) }
    let name = body.string("name", length: 1...200)
    let venue = body.string("venue", length: 1...200)
    let description = body.optionalString("description", length: 0...10_000)
    let startsAt = body.time("starts_at")
    let opensAt = body.optionalTime("sales_open_at") ?? now
    let closesAt = body.optionalTime("sales_close_at") ?? startsAt
    if let closesAt, closesAt <= opensAt {
      body.fail(body.value("sales_close_at") == nil ? "starts_at" : "sales_close_at", "the sale must close after it opens")
    }
    let status = body.word("status", among: ["draft", "published"])
    let event = Event(
      id: id, status: status == "draft" ? .draft : .published, salesOpenAt: opensAt, salesCloseAt: closesAt ?? now,
      holdSeconds: body.integer("hold_seconds", in: 5...7200, default: 600),
      maxExtensions: body.integer("max_extensions", in: 0...10, default: 1),
      maxTicketsPerCustomer: body.integer("max_tickets_per_customer", in: 1...100, default: 8),
      sections: sections(of: body, errors))
    guard errors.found.isEmpty, let name, let venue, let startsAt else { throw Problem.invalid(errors.found) }
    return EventRecord(
      event: event, organiser: organiser, name: name, venue: venue, description: description, startsAt: startsAt, createdAt: now)
  }

  private static func sections(of body: Body, _ errors: Body.Errors) -> [Section] {
    var ids: Set<String> = []
    var currency: String?
    var seats = 0
    var sections: [Section] = []
    for (value, pointer) in body.array("sections", count: 1...500) {
      guard let section = section(value, pointer, errors) else { continue }
      if !ids.insert(section.id).inserted { errors.add("\(pointer)/id", "is the id of another section already") }
      if currency ?? section.price.currency != section.price.currency {
        errors.add("\(pointer)/price/currency", "must be the same for all sections")
      }
      currency = currency ?? section.price.currency
      if case .seated = section.kind { seats += section.capacity }
      sections.append(section)
    }
    if seats > maximumSeats { body.fail("sections", "must have \(maximumSeats) seats at most, not \(seats)") }
    return sections
  }

  private static func section(_ value: JSONValue, _ pointer: JSONPointer, _ errors: Body.Errors) -> Section? {
    guard case .object(let members) = value, let kind = members.first(where: { $0.key == "kind" })?.value else {
      errors.add(pointer, "must be an object with a kind")
      return nil
    }
    let isSeated = kind == .string("seated")
    guard isSeated || kind == .string("general_admission") else {
      errors.add("\(pointer)/kind", "must be one of general_admission, seated")
      return nil
    }
    let keys = ["id", "name", "kind", isSeated ? "rows" : "capacity", "price"]
    guard let body = Body(value, at: pointer, keys: keys, errors) else { return nil }
    let id = body.string("id", length: 1...63)
    if let id, !isSectionID(id) { body.fail("id", "must consist of a-z, 0-9 and -, and not begin with -") }
    let name = body.string("name", length: 1...200)
    let price = price(of: body, errors)
    let sectionKind: Section.Kind? =
      isSeated
      ? .seated(rows: rows(of: body, errors))
      : body.integer("capacity", in: 1...1_000_000).map { .generalAdmission(capacity: $0) }
    guard let id, let name, let price, let sectionKind else { return nil }
    return Section(id: id, name: name, kind: sectionKind, price: price)
  }

  private static func price(of section: Body, _ errors: Body.Errors) -> Money? {
    guard let value = section.require("price"),
      let body = Body(value, at: section.path("price"), keys: ["amount", "currency"], errors)
    else { return nil }
    let amount = body.integer("amount", in: 0...100_000_000)
    let currency = body.string("currency", length: 3...3)
    if let currency, !currency.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) {
      body.fail("currency", "must be three capital letters, such as EUR")
    }
    guard let amount, let currency else { return nil }
    return Money(amount: Int64(amount), currency: currency)
  }

  private static func rows(of section: Body, _ errors: Body.Errors) -> [Row] {
    var names: Set<String> = []
    return section.array("rows", count: 1...1000).compactMap { value, pointer in
      guard let body = Body(value, at: pointer, keys: ["name", "seats", "aisles_after"], errors) else { return nil }
      let name = body.string("name", length: 1...8)
      if let name, !name.utf8.allSatisfy(isLetterOrDigit) { body.fail("name", "must consist of letters A-Z, a-z and digits") }
      if let name, !names.insert(name).inserted { body.fail("name", "is the name of another row of the section already") }
      guard let seats = body.integer("seats", in: 1...500), let name else { return nil }
      return Row(name: name, seats: seats, aislesAfter: aisles(of: body, seats: seats, errors))
    }
  }

  private static func aisles(of row: Body, seats: Int, _ errors: Body.Errors) -> [Int] {
    var last = 0
    return row.optionalArray("aisles_after", count: 0...20).compactMap { value, pointer in
      guard let seat = row.integer(value, at: pointer, in: 1...499) else { return nil }
      if seat >= seats { errors.add(pointer, "must be inside the row, which has \(seats) seats") }
      if seat <= last { errors.add(pointer, "must be greater than the one before") }
      last = seat
      return seat
    }
  }

  static func isSectionID(_ text: String) -> Bool {
    let bytes = text.utf8
    return (1...63).contains(bytes.count) && bytes.first != UInt8(ascii: "-")
      && bytes.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
          || $0 == UInt8(ascii: "-")
      }
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
    default: false
    }
  }
}
