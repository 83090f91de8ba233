import Pipeline
import Ticketing

/// A reservation in each state that clients see most.
enum SampleRecord {
  static let queued = ReservationRecord(queued: queuedCommand(0), request: request(0))
  static let standing = held(request(0), .places(section: 0, quantity: 2))
  static let seated = held(request(3), .seats([210, 211, 212, 213]))
  static let rejected = ReservationRecord(
    id: queued.id, event: queued.event, status: .rejected, version: 1, request: request(0), createdAt: present, sequence: 17,
    rejection: .soldOut(section: 0, requested: 2, available: 0))

  private static func held(_ request: Command.Request, _ allocation: Allocation) -> ReservationRecord {
    ReservationRecord(
      id: queued.id, event: queued.event, status: .held, version: 1, request: request, createdAt: present, sequence: 17,
      allocation: allocation, expiresAt: present.adding(seconds: 600))
  }
}

extension Microbenchmark {
  /// What the view keeps.
  static let records =
    [
      ("queued", SampleRecord.queued), ("held", SampleRecord.standing), ("held seats", SampleRecord.seated),
    ].flatMap { name, record in
      [
        Microbenchmark("record: write, \(name)") { { keep(record.encoded) } },
        Microbenchmark("record: read, \(name)") {
          let bytes = record.encoded
          return { keep(try? ReservationRecord(decoding: bytes)) }
        },
      ]
    } + [
      Microbenchmark("event: write") { { keep(sample.encoded) } },
      Microbenchmark("event: read") {
        let bytes = sample.encoded
        return { keep(try? EventRecord(decoding: bytes)) }
      },
      Microbenchmark("availability: write") { { keep(availability.encoded) } },
      Microbenchmark("availability: read") {
        let bytes = availability.encoded
        return { keep(try? Availability(decoding: bytes)) }
      },
    ]

  static let availability = Availability(
    version: 4711, sections: [.init(held: 1200, sold: 0), .init(held: 500, sold: 0), .init(held: 3, sold: 0)])
}
