import Pipeline
import Testing
import Ticketing

@testable import Gateway

/// The contract's `NewEvent` and `NewSection`, rule by rule.
struct NewEventBodyTests {
  @Test func `an event with all it may have is read`() throws {
    let record = try read(
      object(
        event,
        [
          "description": #""What it is""#, "sales_open_at": #""2030-05-01T10:00:00+02:00""#,
          "sales_close_at": #""2030-06-01T17:00:00Z""#, "hold_seconds": "5", "max_extensions": "0",
          "max_tickets_per_customer": "100", "status": #""draft""#,
          "sections": "[\(object(floor)),\(object(block, ["rows": #"[{"name":"A1","seats":10,"aisles_after":[3,9]}]"#]))]",
        ]))
    let expected = EventRecord(
      event: Event(
        id: EventID(7), status: .draft, salesOpenAt: Timestamp(microseconds: 1_903_852_800_000_000),
        salesCloseAt: Timestamp(microseconds: 1_906_563_600_000_000), holdSeconds: 5, maxExtensions: 0,
        maxTicketsPerCustomer: 100,
        sections: [
          Section(
            id: "floor", name: "Floor", kind: .generalAdmission(capacity: 500), price: Money(amount: 3200, currency: "EUR")),
          Section(
            id: "block-a", name: "Block A", kind: .seated(rows: [Row(name: "A1", seats: 10, aislesAfter: [3, 9])]),
            price: Money(amount: 4500, currency: "EUR")),
        ]),
      organiser: organiser, name: "Concert", venue: "Hall", description: "What it is",
      startsAt: Timestamp(microseconds: 1_906_567_200_000_000), createdAt: present)
    #expect(record == expected)
  }

  @Test func `what is left out has the contract's defaults`() throws {
    let record = try read(object(event))
    #expect(record.description == nil)
    #expect(record.event.salesOpenAt == present)
    #expect(record.event.salesCloseAt == record.startsAt)
    #expect(record.event.holdSeconds == 600)
    #expect(record.event.maxExtensions == 1)
    #expect(record.event.maxTicketsPerCustomer == 8)
    #expect(record.event.status == .published)
  }

  /// A repeated request must be the same offer, though its defaults are filled in later.
  @Test func `the same body read later is the same offer`() throws {
    let first = try read(object(event))
    let later = try read(object(event), now: present.adding(seconds: 60))
    #expect(first.isSameOffer(as: later))
    #expect(!first.isSameOffer(as: try read(object(event, ["name": #""Other""#]))))
    #expect(!first.isSameOffer(as: try read(object(event, ["sales_open_at": #""2030-03-18T00:00:00Z""#]))))
    let scheduled = try read(object(event, ["sales_open_at": #""2030-03-18T00:00:00Z""#]))
    #expect(!scheduled.isSameOffer(as: first))
    #expect(!scheduled.isSameOffer(as: later))
    #expect(
      scheduled.isSameOffer(
        as: try read(object(event, ["sales_open_at": #""2030-03-18T00:00:00Z""#]), now: present.adding(seconds: 60))))
  }

  @Test(
    arguments: [
      // The members of an event.
      (["name": nil], ["/name"]), (["name": "1"], ["/name"]), (["name": #""""#], ["/name"]), (["name": long(201)], ["/name"]),
      (["venue": nil], ["/venue"]), (["venue": "null"], ["/venue"]), (["venue": #""""#], ["/venue"]),
      (["venue": long(201)], ["/venue"]), (["description": "1"], ["/description"]), (["description": "null"], ["/description"]),
      (["description": long(10_001)], ["/description"]), (["starts_at": nil], ["/starts_at"]),
      (["starts_at": #""tomorrow""#], ["/starts_at"]), (["starts_at": "1900000000"], ["/starts_at"]),
      (["sales_open_at": #""now""#], ["/sales_open_at"]), (["sales_close_at": #""2030-06-31T00:00:00Z""#], ["/sales_close_at"]),
      (["hold_seconds": "4"], ["/hold_seconds"]), (["hold_seconds": "7201"], ["/hold_seconds"]),
      (["hold_seconds": "5.5"], ["/hold_seconds"]), (["max_extensions": "-1"], ["/max_extensions"]),
      (["max_extensions": "11"], ["/max_extensions"]), (["max_tickets_per_customer": "0"], ["/max_tickets_per_customer"]),
      (["max_tickets_per_customer": "101"], ["/max_tickets_per_customer"]),
      (["max_tickets_per_customer": #""8""#], ["/max_tickets_per_customer"]),
      (["status": #""paused""#], ["/status"]), (["status": #""Draft""#], ["/status"]), (["status": "null"], ["/status"]),
      (["sections": nil], ["/sections"]), (["sections": "[]"], ["/sections"]), (["sections": "{}"], ["/sections"]),
      (["id": "1"], ["/id"]), (["name ": #""x""#], ["/name "]),
      // The sale closes after it opens.
      (["sales_close_at": #""2030-03-17T17:46:40Z""#], ["/sales_close_at"]),
      (["sales_open_at": #""2030-05-01T00:00:00Z""#, "sales_close_at": #""2030-05-01T00:00:00Z""#], ["/sales_close_at"]),
      (["sales_open_at": #""2030-06-01T18:00:00Z""#], ["/starts_at"]),
      (["starts_at": #""2020-01-01T00:00:00Z""#], ["/starts_at"]),
      // Everything at once.
      (["name": nil, "venue": "1", "hold_seconds": "1", "sections": "[]"], ["/name", "/venue", "/hold_seconds", "/sections"]),
    ] as [([String: String?], [String])])
  func `an event's mistake is told with its pointer`(changes: [String: String?], expected: [String]) throws {
    #expect(try pointers { _ = try read(object(event, changes)) } == expected)
  }

  @Test(
    arguments: [
      ["name": long(200), "venue": long(200), "description": long(10_000)],
      ["name": long(1), "venue": long(1), "description": long(0)],
      ["hold_seconds": "5", "max_extensions": "0", "max_tickets_per_customer": "1"],
      ["hold_seconds": "7200", "max_extensions": "10", "max_tickets_per_customer": "100"],
    ] as [[String: String?]])
  func `what an event may have just so is read`(changes: [String: String?]) throws {
    #expect(try pointers { _ = try read(object(event, changes)) } == [])
  }

  @Test(
    arguments: [
      (["id": nil], ["/id"]), (["id": #""""#], ["/id", "/id"]), (["id": #""Floor""#], ["/id"]), (["id": #""-floor""#], ["/id"]),
      (["id": #""flo or""#], ["/id"]), (["id": #""flöor""#], ["/id"]), (["id": long(64)], ["/id"]), (["id": "1"], ["/id"]),
      (["name": nil], ["/name"]), (["name": #""""#], ["/name"]), (["name": long(201)], ["/name"]),
      (["kind": nil], [""]), (["kind": #""standing""#], ["/kind"]), (["kind": "null"], ["/kind"]),
      (["capacity": nil], ["/capacity"]), (["capacity": "0"], ["/capacity"]), (["capacity": "1000001"], ["/capacity"]),
      (["capacity": "1.5"], ["/capacity"]), (["rows": "[]"], ["/rows"]), (["color": #""red""#], ["/color"]),
      (["price": nil], ["/price"]), (["price": "3200"], ["/price"]), (["price": #"{"currency":"EUR"}"#], ["/price/amount"]),
      (["price": #"{"amount":1}"#], ["/price/currency"]), (["price": #"{"amount":-1,"currency":"EUR"}"#], ["/price/amount"]),
      (["price": #"{"amount":100000001,"currency":"EUR"}"#], ["/price/amount"]),
      (["price": #"{"amount":1.5,"currency":"EUR"}"#], ["/price/amount"]),
      (["price": #"{"amount":1,"currency":"eur"}"#], ["/price/currency"]),
      (["price": #"{"amount":1,"currency":"EURO"}"#], ["/price/currency"]),
      (["price": #"{"amount":1,"currency":"ÄÖÜ"}"#], ["/price/currency"]),
      (["price": #"{"amount":1,"currency":"EUR","tax":1}"#], ["/price/tax"]),
    ] as [([String: String?], [String])])
  func `a standing section's mistake is told with its pointer`(changes: [String: String?], expected: [String]) throws {
    let text = object(event, ["sections": "[\(object(block)),\(object(floor, changes))]"])
    // An id that is too short is no id either; one of the two is enough.
    #expect(Set(try pointers { _ = try read(text) }) == Set(expected.map { "/sections/1\($0)" }))
  }

  @Test(
    arguments: [
      (["rows": nil], ["/rows"]), (["rows": "[]"], ["/rows"]), (["rows": "{}"], ["/rows"]), (["capacity": "5"], ["/capacity"]),
      (["rows": "[1]"], ["/rows/0"]), (["rows": #"[{"seats":1}]"#], ["/rows/0/name"]),
      (["rows": #"[{"name":"A"}]"#], ["/rows/0/seats"]),
      (["rows": #"[{"name":"","seats":1}]"#], ["/rows/0/name"]),
      (["rows": #"[{"name":"ABCDEFGHI","seats":1}]"#], ["/rows/0/name"]),
      (["rows": #"[{"name":"A-1","seats":1}]"#], ["/rows/0/name"]), (["rows": #"[{"name":"Ä","seats":1}]"#], ["/rows/0/name"]),
      (["rows": #"[{"name":"A","seats":0}]"#], ["/rows/0/seats"]), (["rows": #"[{"name":"A","seats":501}]"#], ["/rows/0/seats"]),
      (["rows": #"[{"name":"A","seats":1,"price":1}]"#], ["/rows/0/price"]),
      (["rows": #"[{"name":"A","seats":1},{"name":"A","seats":2}]"#], ["/rows/1/name"]),
      (["rows": #"[{"name":"A","seats":9,"aisles_after":1}]"#], ["/rows/0/aisles_after"]),
      (["rows": #"[{"name":"A","seats":9,"aisles_after":[0]}]"#], ["/rows/0/aisles_after/0"]),
      (["rows": #"[{"name":"A","seats":9,"aisles_after":[9]}]"#], ["/rows/0/aisles_after/0"]),
      (["rows": #"[{"name":"A","seats":9,"aisles_after":[500]}]"#], ["/rows/0/aisles_after/0"]),
      (["rows": #"[{"name":"A","seats":9,"aisles_after":[3,3]}]"#], ["/rows/0/aisles_after/1"]),
      (["rows": #"[{"name":"A","seats":9,"aisles_after":[5,3,"x"]}]"#], ["/rows/0/aisles_after/1", "/rows/0/aisles_after/2"]),
      (
        ["rows": #"[{"name":"A","seats":99,"aisles_after":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]}]"#],
        ["/rows/0/aisles_after"]
      ),
    ] as [([String: String?], [String])])
  func `a seated section's mistake is told with its pointer`(changes: [String: String?], expected: [String]) throws {
    let text = object(event, ["sections": "[\(object(block, changes))]"])
    #expect(try pointers { _ = try read(text) } == expected.map { "/sections/0\($0)" })
  }

  @Test(arguments: ["1", "null", "[]", #""floor""#])
  func `a section that is no object is told`(section: String) throws {
    #expect(try pointers { _ = try read(object(event, ["sections": "[\(section)]"])) } == ["/sections/0"])
  }

  @Test func `sections have their own ids and one currency`() throws {
    let same = object(event, ["sections": "[\(object(floor)),\(object(floor))]"])
    #expect(try pointers { _ = try read(same) } == ["/sections/1/id"])
    let other = object(block, ["price": #"{"amount":1,"currency":"CHF"}"#])
    let mixed = object(event, ["sections": "[\(object(floor)),\(other)]"])
    #expect(try pointers { _ = try read(mixed) } == ["/sections/1/price/currency"])
  }

  @Test func `a hall may have 200,000 seats, and no more`() throws {
    func hall(_ lastRow: Int) -> String {
      let rows = (0..<400).map { #"{"name":"\#($0)","seats":\#($0 == 399 ? lastRow : 500)}"# }.joined(separator: ",")
      return object(event, ["sections": "[\(object(block, ["rows": "[\(rows)]"])),\(object(floor))]"])
    }
    #expect(try read(hall(500)).event.sections[0].capacity == 200_000)
    let more = object(block, ["id": #""block-b""#, "rows": #"[{"name":"A","seats":1}]"#])
    let text = hall(500).replacing("[\(object(floor))", with: "").replacing(object(floor), with: more)
    #expect(try complaints { _ = try read(text) } == ["/sections: must have 200000 seats at most, not 200001"])
  }

  @Test func `there may be 500 sections, and no more`() throws {
    func sections(_ count: Int) -> String {
      object(
        event, ["sections": "[\((0..<count).map { object(floor, ["id": "\"s\($0)\""]) }.joined(separator: ","))]"])
    }
    #expect(try read(sections(500)).event.sections.count == 500)
    #expect(try pointers { _ = try read(sections(501)) } == ["/sections"])
  }

  @Test func `what is no object is told`() throws {
    for text in ["null", "[]", "1"] { #expect(try pointers { _ = try read(text) } == [""]) }
  }

  @Test func `from the command line, mistakes are listed line by line`() {
    func message(_ text: String) -> String? {
      do {
        _ = try readNewEvent(Array(text.utf8), id: EventID(7), organiser: organiser, now: present)
        return nil
      } catch {
        return (error as? InvalidInput)?.description
      }
    }
    #expect(message(object(event)) == nil)
    #expect(message("{") == "  At byte 1: a key was expected.")
    #expect(message("[]") == "  /: must be an object, not an array")
    #expect(
      message(object(event, ["name": nil, "status": "1"]))
        == "  /name: is required\n  /status: must be one of draft, published")
  }

  private func read(_ text: String, now: Timestamp = present) throws -> EventRecord {
    try NewEventBody.read(try json(text), id: EventID(7), organiser: organiser, now: now)
  }
}

private let event: [String: String?] = [
  "name": #""Concert""#, "venue": #""Hall""#, "starts_at": #""2030-06-01T18:00:00Z""#, "sections": "[\(object(floor))]",
]

private let floor: [String: String?] = [
  "id": #""floor""#, "name": #""Floor""#, "kind": #""general_admission""#, "capacity": "500",
  "price": #"{"amount":3200,"currency":"EUR"}"#,
]

private let block: [String: String?] = [
  "id": #""block-a""#, "name": #""Block A""#, "kind": #""seated""#, "rows": #"[{"name":"A","seats":10}]"#,
  "price": #"{"amount":4500,"currency":"EUR"}"#,
]

/// A JSON text with these members, changed; nil leaves one out.
private func object(_ members: [String: String?], _ changes: [String: String?] = [:]) -> String {
  let all = members.merging(changes) { $1 }
  return "{\(all.keys.sorted().compactMap { key in all[key]?.map { "\"\(key)\":\($0)" } }.joined(separator: ","))}"
}

/// A JSON string of so many letters.
private func long(_ count: Int) -> String { "\"\(String(repeating: "x", count: count))\"" }
