import NIOCore
import NIOHTTP1
import Pipeline
import Ticketing

@testable import Gateway

/// A request that a fuzzer writes, given to everything that reads a part of one.
///
/// The first byte says what the others are: the body of one of the operations that take one, a request's line and header fields, a whole
/// request as it is sent, or a record of the view, which a client is shown. What is refused is refused with a problem of the contract,
/// never with another error; what is shown is JSON; and what a request is does not depend on the pieces in which it comes.
enum FuzzTarget {
  /// What must hold and does not.
  struct Violation: Error, CustomStringConvertible {
    let description: String
  }

  static func check(_ bytes: [UInt8]) throws {
    guard let kind = bytes.first else { return }
    let bytes = Array(bytes.dropFirst())
    switch kind {
    case UInt8(ascii: "E"): try checkNewEvent(bytes)
    case UInt8(ascii: "R"): try checkNewReservation(bytes)
    case UInt8(ascii: "A"): try checkProblem { _ = try NewAccount(json: JSONParser.parse(bytes)) }
    case UInt8(ascii: "V"): try checkRecord(bytes)
    case UInt8(ascii: "P"): try checkPlainHead(bytes)
    default: try checkHead(bytes)
    }
  }

  private static func checkNewEvent(_ bytes: [UInt8]) throws {
    try checkProblem {
      let record = try NewEventBody.read(JSONParser.parse(bytes), id: EventID(0xE), organiser: organiser, now: present)
      try require(try EventRecord(decoding: record.encoded).encoded == record.encoded, "an event that does not come back")
      let state = EventState(event: record.event)
      try require(state.counts.map(\.available) == record.event.sections.map(\.capacity), "an event that is not empty")
      try checkJSON(record.json)
    }
  }

  private static func checkNewReservation(_ bytes: [UInt8]) throws {
    try checkProblem {
      let request = try NewReservationBody.read(JSONParser.parse(bytes), customer: customer, event: .sample)
      for selection in [request.selection] + request.fallbacks {
        try require(Selection.quantities.contains(selection.quantity), "a request for \(selection.quantity) tickets")
      }
      let command = Command(id: CommandID(1), event: EventID(0xE), action: .reserve(request), acceptedAt: present)
      let queued = QueuedCommand(command, ordinal: 1)
      try require(try CommandMessage.decode(CommandMessage.encode([queued])) == [.command(queued)], "a command that gets lost")
      var state = EventState(event: EventRecord.sample().event)
      let decision = decide(command, given: state, at: present)
      try require(decision.outcome != .rejected(.unknownSeat), "a seat that the event does not have")
      try require(decision.outcome != .rejected(.unknownSection), "a section that the event does not have")
      try state.replay(decision)
      try checkJSON(ReservationRecord(queued: queued, request: request).json(of: .sample, progress: nil, serverTime: present))
    }
  }

  /// A method, a target, and lines of header fields: `GET /v1/events?limit=2`.
  private static func checkHead(_ bytes: [UInt8]) throws {
    var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let first = lines.removeFirst().split(separator: " ", maxSplits: 1).map(String.init)
    var headers = HTTPHeaders()
    for line in lines.prefix(Limits.headerFields) {
      let parts = line.split(separator: ":", maxSplits: 1)
      // A name that is not ASCII does not come through the parser.
      if parts.count == 2, parts[0].utf8.allSatisfy({ $0 < 0x80 }) {
        headers.add(name: String(parts[0]), value: String(parts[1].drop { $0 == " " }))
      }
    }
    var request = Request(
      method: HTTPMethod(rawValue: first.first ?? "GET"), target: first.last ?? "/", fields: HeaderFields(headers),
      body: ByteBuffer(string: "{}"))
    try checkProblem { _ = try table.operation(of: &request) }
    for name in ["event_id", "reservation_id", "id"] {
      try checkProblem {
        let id: EventID = try request.identifier(name)
        try require(EventID(id.description) == id, "an id that does not come back")
      }
    }
    try checkProblem { _ = try request.json() }
    try checkProblem { try require((1...255).contains(try request.idempotencyKey().unicodeScalars.count), "a key too long") }
    try checkProblem { try require(Limits.page.contains(try request.pageLimit()), "a page too long") }
    try checkProblem { _ = try request.flag("mine") }
    try checkProblem {
      guard let mark = try request.cursor() else { return }
      try require(PageMark(cursor: mark.cursor) == mark, "a cursor that does not come back")
    }
    try require((0...Limits.waitSeconds).contains(request.preferredWait ?? 0), "a wait too long")
    _ = request.has("W/\"1\"")
    if let text = request.parameter("section") {
      _ = NewEventBody.isSectionID(text)
      _ = KnownEvent.sample.plan.seat(named: text)
    }
    if let text = headers.first(name: "Date"), let time = Timestamp(rfc3339: text) {
      // It is written with milliseconds.
      let again = Timestamp(rfc3339: time.rfc3339)
      try require((again?.microseconds ?? .min) / 1000 - time.microseconds / 1000 <= 0, "a time that does not come back")
    }
    if let token = request.fields.authorization { try require(authority.verify(token) == nil, "a forged token") }
  }

  /// A plain head is read the same however much of the request has come, and not before its end has.
  private static func checkPlainHead(_ bytes: [UInt8]) throws {
    guard case .head(let plain) = bytes.withUnsafeBytes({ PlainHead.read($0) }) else { return }
    try require((1...bytes.count).contains(plain.bytes), "a head of \(plain.bytes) bytes")
    try require(plain.bodyBytes >= 0, "a body of \(plain.bodyBytes) bytes")
    for count in 0..<plain.bytes {
      // Of its own, so that the address sanitizer sees what is read behind it.
      let part = Array(bytes[..<count])
      try require(part.withUnsafeBytes { PlainHead.read($0) } == .incomplete, "a head of which \(count) bytes are enough")
    }
    let whole = Array(bytes[..<plain.bytes])
    try require(whole.withUnsafeBytes { PlainHead.read($0) } == .head(plain), "a head that depends on what follows it")
  }

  /// Whatever the view has, clients are shown it, or it cannot be read.
  private static func checkRecord(_ bytes: [UInt8]) throws {
    let progress = Progress(ordinal: bytes.first == 0 ? .min : 7, rate: 10)
    if let record = try? ReservationRecord(decoding: bytes) {
      try checkJSON(record.json(of: .sample, progress: progress, serverTime: present))
      _ = record.tag(progress)
      _ = retryAfter(progress, ordinal: record.ordinal)
    }
    if let record = try? EventRecord(decoding: bytes) { try checkJSON(record.json) }
    if let availability = try? Availability(decoding: bytes) { try checkJSON(availability.json(of: EventRecord.sample().event)) }
  }

  private static let authority = TokenAuthority(secret: Array(repeating: 7, count: 32))

  private static let table: RouteTable = {
    var table = RouteTable()
    for path in ["/v1/events", "/v1/events/{event_id}", "/v1/events/{event_id}/seats", "/v1/dead-letters/{id}"] {
      table.on(.GET, path) { _ in Response(status: .ok) }
    }
    table.on(.DELETE, "/v1/reservations/{reservation_id}") { _ in Response(status: .ok) }
    return table
  }()

  /// Runs what may refuse its input, and looks at how it does.
  private static func checkProblem(_ read: () throws -> Void) throws {
    do {
      try read()
    } catch let problem as Problem {
      try require((400..<500).contains(Int(problem.status.code)), "a problem of status \(problem.status.code)")
      try checkJSON(problem.body)
    } catch let error as JSONSyntaxError {
      try require(error.offset >= 0, "an error before the text")
    }
  }

  private static func checkJSON(_ bytes: [UInt8]) throws {
    do throws(JSONSyntaxError) {
      _ = try JSONParser.parse(bytes)
    } catch {
      throw Violation(description: "no JSON: \(error), \(String(decoding: bytes, as: UTF8.self))")
    }
  }

  private static func require(_ condition: Bool, _ violation: @autoclosure () -> String) throws {
    if !condition { throw Violation(description: violation()) }
  }
}
