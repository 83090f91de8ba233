import Pipeline
import Testing
import Ticketing

struct HashChainTests {
  private let previous = [UInt8](repeating: 7, count: 32)
  private let command: [UInt8] = [1, 2, 3, 4, 5]
  private let outcome: [UInt8] = [6, 7, 8]
  private let time = Timestamp(microseconds: 1_900_000_000_000_000)

  private func hash(
    _ previous: [UInt8]? = nil, version: Int64 = 9, at time: Timestamp? = nil, command: [UInt8]? = nil,
    outcome: [UInt8]? = nil
  ) -> HashChain.Hash {
    HashChain.next(
      after: previous ?? self.previous, version: version, decidedAt: time ?? self.time, command: command ?? self.command,
      outcome: outcome ?? self.outcome)
  }

  @Test func `a hash has 32 bytes and follows from what it covers`() {
    #expect(hash().count == 32)
    #expect(hash() == hash())
  }

  @Test func `any single byte that is changed changes the hash`() {
    var hashes: Set<HashChain.Hash> = [hash()]
    var changes = 0
    func add(_ hash: HashChain.Hash) {
      hashes.insert(hash)
      changes += 1
    }
    func changed(_ bytes: [UInt8], _ use: ([UInt8]) -> HashChain.Hash) {
      for index in bytes.indices {
        for bit in 0..<8 {
          var bytes = bytes
          bytes[index] ^= 1 << UInt8(bit)
          add(use(bytes))
        }
      }
    }
    changed(previous) { hash($0) }
    changed(command) { hash(command: $0) }
    changed(outcome) { hash(outcome: $0) }
    for bit in 0..<63 {
      add(hash(version: 9 ^ 1 << bit))
      add(hash(at: Timestamp(microseconds: time.microseconds ^ 1 << bit)))
    }
    #expect(hashes.count == changes + 1)
  }

  @Test func `a byte that moves from the command to the outcome changes the hash`() {
    #expect(hash(command: command + [outcome[0]], outcome: Array(outcome.dropFirst())) != hash())
    #expect(hash(command: [], outcome: command + outcome) != hash(command: command + outcome, outcome: []))
  }

  @Test func `any term that is changed changes the origin`() {
    let event = Golden.event
    func origin(_ change: (inout Event) -> Void) -> HashChain.Hash {
      var event = event
      change(&event)
      return HashChain.origin(of: event)
    }
    let origins = [
      origin { _ in }, origin { $0.id = EventID($0.id.rawValue + 1) }, origin { $0.status = .draft },
      origin { $0.salesOpenAt.microseconds += 1 }, origin { $0.salesCloseAt.microseconds += 1 }, origin { $0.holdSeconds += 1 },
      origin { $0.maxExtensions += 1 }, origin { $0.maxTicketsPerCustomer += 1 }, origin { $0.sections[0].id += "x" },
      origin { $0.sections[0].name += "x" }, origin { $0.sections[0].price.amount += 1 },
      origin { $0.sections[0].price.currency = "CHF" }, origin { $0.sections[0].kind = .generalAdmission(capacity: 501) },
      origin { $0.sections[1].kind = .seated(rows: [Row(name: "A", seats: 10, aislesAfter: [4])]) },
      origin { $0.sections[1].kind = .seated(rows: [Row(name: "A", seats: 11, aislesAfter: [5])]) },
      origin { $0.sections[1].kind = .seated(rows: [Row(name: "B", seats: 10, aislesAfter: [5])]) },
      origin { $0.sections.reverse() }, origin { $0.sections.removeLast() },
    ]
    #expect(Set(origins).count == origins.count)
  }
}

/// One of each thing whose bytes are kept or sent. A change of them is a change of the encoding, which needs a new version: what the
/// journal, the queue and the view hold already was written with the old one.
struct Golden {
  static let event = Event(
    id: EventID(0x0123_4567_89AB_8DEF_8123_4567_89AB_CDEF), status: .published,
    salesOpenAt: Timestamp(microseconds: 1_900_000_000_000_000), salesCloseAt: Timestamp(microseconds: 1_900_003_600_000_000),
    holdSeconds: 600, maxExtensions: 1, maxTicketsPerCustomer: 8,
    sections: [
      Section(
        id: "floor", name: "Floor", kind: .generalAdmission(capacity: 500), price: Money(amount: 3200, currency: "EUR")),
      Section(
        id: "block-a", name: "Block A", kind: .seated(rows: [Row(name: "A", seats: 10, aislesAfter: [5])]),
        price: Money(amount: 4500, currency: "EUR")),
    ])

  private static let request = Command.Request(
    customer: CustomerID(0xC), selection: .best(section: 1, quantity: 2, adjacent: true),
    fallbacks: [.seats([3, 4]), .best(section: 0, quantity: 2, adjacent: false)])
  private static let command = Command(
    id: CommandID(0x0123_4567_0000_8000_8000_0000_0000_0001), event: event.id, action: .reserve(request),
    acceptedAt: Timestamp(microseconds: 1_900_000_001_000_000))
  private static let decision = Decision(
    version: 1, command: command, decidedAt: Timestamp(microseconds: 1_900_000_002_000_000),
    outcome: .held(.seats([4, 5]), expiresAt: Timestamp(microseconds: 1_900_000_602_000_000)))

  @Test func `a message's bytes are pinned`() {
    #expect(
      hex(CommandMessage.encode([QueuedCommand(Self.command, ordinal: 42)])) == """
        01000100000057000000000000002a01012345670000800080000000000000010123456789ab8def8123456789abcdef0006\
        c00a392202400000000000000000000000000000000c03010001000202000200000003000000040000000002
        """)
  }

  @Test func `the chain's origin is pinned`() {
    #expect(hex(HashChain.origin(of: Self.event)) == "0e74735b90b27e248233ca2203de36aa67b650b8ca5be3338cad00d137437afa")
  }

  @Test func `a decision's bytes and hash are pinned`() {
    let entry = JournalEntry(Self.decision, after: HashChain.origin(of: Self.event), sequence: 1)
    #expect(
      hex(entry.command) == """
        01012345670000800080000000000000010123456789ab8def8123456789abcdef0006c00a39220240000000000000000000\
        0000000000000c03010001000202000200000003000000040000000002
        """)
    #expect(hex(entry.outcome) == "010006c00a5cf48a800100020000000400000005")
    #expect(hex(entry.hash) == "f30ed8f2232e6fdd4cc04600824e968d217db4bedc2d4bbfae2bb5e4c3df48fc")
  }

  @Test func `the view's records are pinned`() {
    let record = ReservationRecord(queued: QueuedCommand(Self.command, ordinal: 42), request: Self.request)
    #expect(
      hex(record.encoded) == """
        0100012345670000800080000000000000010123456789ab8def8123456789abcdef00000000000000000006c00a39220240\
        000000000000002a00000000000000008000000000000000000000000000000000000000000000000c030100010002020002\
        0000000300000004000000000200
        """)
    #expect(hex(Availability(version: 3, sections: [.init(held: 1, sold: 2)]).encoded) == "000000000000000300010000000100000002")
  }
}
