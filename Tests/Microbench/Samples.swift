import Gateway
import Pipeline
import Ticketing

/// The clock of all benchmarks: 2030-03-17T17:46:40Z.
let present = Timestamp(microseconds: 1_900_000_000_000_000)

/// Ids as they are in a sale, alike in nothing.
func identity(_ number: Int) -> UInt128 {
  UInt128(number + 1) &* 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835
}

func customer(_ number: Int) -> CustomerID { CustomerID(identity(number)) }

/// A hall of rows of 100 seats.
func hall(rows: Int) -> Section {
  Section(
    id: "hall", name: "Hall", kind: .seated(rows: (1...rows).map { Row(name: "\($0)", seats: 100, aislesAfter: [25, 75]) }),
    price: price)
}

func standing(_ capacity: Int = 10_000_000) -> Section {
  Section(id: "floor", name: "Floor", kind: .generalAdmission(capacity: capacity), price: price)
}

let price = Money(amount: 3200, currency: "EUR")

func onSale(_ sections: [Section], limit: Int = 8) -> Event {
  Event(
    id: EventID(identity(7)), status: .published, salesOpenAt: present.adding(seconds: -3600),
    salesCloseAt: present.adding(seconds: 360_000), holdSeconds: 600, maxExtensions: 1, maxTicketsPerCustomer: limit,
    sections: sections)
}

/// An event as most are: two places to stand and a block of twenty rows.
let sample = EventRecord(
  event: onSale([
    standing(5000), Section(id: "balcony", name: "Balcony", kind: .generalAdmission(capacity: 500), price: price), hall(rows: 20),
  ]),
  organiser: customer(1), name: "A concert", venue: "Rieths Sporthalle", description: "Doors open an hour before.",
  startsAt: present.adding(seconds: 864_000), createdAt: present.adding(seconds: -7200))

let known = KnownEvent(sample, partitioning: Partitioning(count: 16))

/// A request for two places, or, every fourth, for four seats with another section as a fallback.
func request(_ number: Int) -> Command.Request {
  if number % 4 != 3 {
    return Command.Request(customer: customer(number), selection: .best(section: 0, quantity: 2, adjacent: true))
  }
  return Command.Request(
    customer: customer(number), selection: .seats([210, 211, 212, 213]),
    fallbacks: [.best(section: 2, quantity: 4, adjacent: true)])
}

func queuedCommand(_ number: Int) -> QueuedCommand {
  QueuedCommand(
    Command(
      id: CommandID(identity(number)), event: sample.event.id, action: .reserve(request(number)),
      acceptedAt: present.adding(seconds: number)),
    ordinal: Int64(1000 + number))
}
