import Pipeline
import TestSupport
import Testing
import Ticketing

/// A kind of value with an encoding: how to draw one, and how to encode and decode it.
struct Encoding: CustomTestStringConvertible, Sendable {
  var testDescription: String
  /// Draws a value, and gives its bytes.
  var draw: @Sendable (inout SeededGenerator) -> [UInt8]
  /// Decodes, and gives the bytes of what came out of it.
  var recode: @Sendable ([UInt8]) throws(CodingFailure) -> [UInt8]
  /// Draws a value and says whether it comes back from its bytes as it was.
  var comesBack: @Sendable (inout SeededGenerator) throws -> Bool

  init<Value: Equatable & SendableMetatype>(
    _ name: String, draw: @escaping @Sendable (inout SeededGenerator) -> Value,
    encode: @escaping @Sendable (Value) -> [UInt8], decode: @escaping @Sendable ([UInt8]) throws(CodingFailure) -> Value
  ) {
    testDescription = name
    self.draw = { encode(draw(&$0)) }
    recode = { bytes throws(CodingFailure) in encode(try decode(bytes)) }
    comesBack = { generator in
      let value = draw(&generator)
      return try decode(encode(value)) == value
    }
  }

  static let all = [
    Encoding("command") {
      $0.command()
    } encode: { command in
      encoded { $0.write(command) }
    } decode: { bytes throws(CodingFailure) in
      try decoded(bytes) { reader throws(CodingFailure) in try reader.readCommand() }
    },
    Encoding("request") {
      $0.request()
    } encode: { request in
      encoded { $0.write(request) }
    } decode: { bytes throws(CodingFailure) in
      try decoded(bytes) { reader throws(CodingFailure) in try reader.readRequest() }
    },
    Encoding("outcome") {
      $0.outcome()
    } encode: { outcome in
      encoded { $0.write(outcome) }
    } decode: { bytes throws(CodingFailure) in
      try decoded(bytes) { reader throws(CodingFailure) in try reader.readOutcome() }
    },
    Encoding("event") {
      $0.event()
    } encode: { event in
      encoded { $0.write(event) }
    } decode: { bytes throws(CodingFailure) in
      try decoded(bytes) { reader throws(CodingFailure) in try reader.readEvent() }
    },
    Encoding("reservation record") {
      $0.record()
    } encode: {
      $0.encoded
    } decode: { bytes throws(CodingFailure) in
      try ReservationRecord(decoding: bytes)
    },
    Encoding("event record") {
      $0.eventRecord()
    } encode: {
      $0.encoded
    } decode: { bytes throws(CodingFailure) in
      try EventRecord(decoding: bytes)
    },
    Encoding("availability") {
      $0.availability()
    } encode: {
      $0.encoded
    } decode: { bytes throws(CodingFailure) in
      try Availability(decoding: bytes)
    },
    Encoding("message") { generator in
      (0..<generator.number(0...4)).map { _ in generator.queuedCommand() }
    } encode: {
      CommandMessage.encode($0)
    } decode: { bytes throws(CodingFailure) in
      try CommandMessage.decode(bytes).compactMap {
        if case .command(let command) = $0 { command } else { nil }
      }
    },
  ]
}

struct EncodingTests {
  @Test(arguments: Encoding.all)
  func `what is encoded is decoded as it was`(encoding: Encoding) throws {
    var generator = SeededGenerator(seed: 3)
    for round in 0..<500 {
      try #require(try encoding.comesBack(&generator), "round \(round)")
    }
  }

  @Test(arguments: Encoding.all)
  func `bytes that end too early are refused, as are those that go on`(encoding: Encoding) {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<20 {
      let bytes = encoding.draw(&generator)
      let cut = Int.random(in: 0..<bytes.count, using: &generator)
      #expect(throws: CodingFailure.self) { try encoding.recode(Array(bytes[..<cut])) }
      #expect(throws: CodingFailure.self) { try encoding.recode(bytes + [0]) }
    }
  }

  /// Whatever comes out of changed bytes has an encoding of its own, from which it comes back.
  @Test(arguments: Encoding.all)
  func `changed bytes are refused or mean something, and never stop the process`(encoding: Encoding) throws {
    var generator = SeededGenerator(seed: 5)
    var original: [UInt8] = []
    var understood = 0
    for round in 0..<20_000 {
      if round % 100 == 0 { original = encoding.draw(&generator) }
      guard let once = try? encoding.recode(mutated(original, &generator)) else { continue }
      understood += 1
      try #require(try encoding.recode(once) == once, "round \(round)")
    }
    #expect(understood > 0)
  }

  @Test(arguments: Encoding.all)
  func `random bytes are refused or mean something, and never stop the process`(encoding: Encoding) {
    var generator = SeededGenerator(seed: 6)
    for _ in 0..<30_000 {
      // A true beginning gets further than most.
      let start = [UInt8](arrayLiteral: UInt8.random(in: 0...6, using: &generator))
      _ = try? encoding.recode(start + generator.bytes(Int.random(in: 0...40, using: &generator)))
    }
  }

  private func mutated(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
      let index = Int.random(in: bytes.indices, using: &generator)
      switch Int.random(in: 0..<5, using: &generator) {
      case 0: bytes.remove(at: index)
      case 1: bytes.insert(.random(in: .min ... .max, using: &generator), at: index)
      case 2: bytes.removeSubrange(index...)
      case 3: bytes[index] = [0, 1, 2, 0x7F, 0x80, 0xFF].randomElement(using: &generator)!
      default: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
    }
    return bytes
  }
}

/// What a fuzzer found.
struct UntrustedBytesTests {
  private static let command = Command(
    id: CommandID(1), event: EventID(2), action: .release(ReservationID(3)), acceptedAt: Timestamp(microseconds: 4))

  /// Such a time would be decided and kept, and end the gateway that was to write it down for a client.
  @Test(arguments: [
    Timestamp.representable.lowerBound.microseconds - 1, Timestamp.representable.upperBound.microseconds + 1, .min, .max,
  ])
  func `a command from a year that cannot be written is set aside`(microseconds: Int64) throws {
    var command = Self.command
    command.acceptedAt = Timestamp(microseconds: microseconds)
    let entries = try CommandMessage.decode(CommandMessage.encode([QueuedCommand(command, ordinal: 1)]))
    guard case .unreadable(let failure, _) = entries[0] else {
      Issue.record("it was read: \(entries)")
      return
    }
    #expect(failure == CodingFailure("the time \(microseconds) µs"))
  }

  @Test func `no ordinal that a message may bring is too far away to be counted to`() {
    #expect(Progress(ordinal: .min, rate: 1).ahead(of: 7) == .max)
    #expect(Progress(ordinal: .max, rate: 1).ahead(of: .min) == 0)
    #expect(Progress(ordinal: .min, rate: 1).ahead(of: .min) == 0)
    #expect(Progress(ordinal: 4, rate: 1).ahead(of: 7) == 2)
    #expect(Progress(ordinal: 7, rate: 1).ahead(of: 7) == 0)
  }

  @Test func `a record with parts that this version does not know is refused`() {
    let request = Command.Request(customer: CustomerID(1), selection: .seats([]))
    let record = ReservationRecord(queued: QueuedCommand(Self.command, ordinal: 1), request: request)
    var bytes = record.encoded
    bytes[bytes.count - 1] = 4
    #expect(throws: CodingFailure("a record with the unknown parts 4")) { try ReservationRecord(decoding: bytes) }
  }

  @Test func `an event with a part that this version does not know is refused`() {
    let event = Event(
      id: EventID(1), status: .published, salesOpenAt: Self.command.acceptedAt, salesCloseAt: Self.command.acceptedAt,
      holdSeconds: 1, maxExtensions: 1, maxTicketsPerCustomer: 1, sections: [])
    let record = EventRecord(
      event: event, organiser: CustomerID(1), name: "", venue: "", description: nil, startsAt: Self.command.acceptedAt,
      createdAt: Self.command.acceptedAt)
    var bytes = record.encoded
    // Behind the version, the organiser, two times and two empty texts.
    bytes[1 + 16 + 16 + 8] = 2
    #expect(throws: CodingFailure("an event with the unknown part 2")) { try EventRecord(decoding: bytes) }
  }
}
