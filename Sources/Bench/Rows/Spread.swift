import Ticketing

extension Row {
  /// Many events at once, each with few customers.
  static let spread = Row(
    name: "spread", title: "1,000 events of 100 places at once, 64 connections", needs: ["hot"],
    figures: [
      Figure("spread.decided", "decided", "/s"),
      Figure("spread.decided_share", "decided, to the hot event's rate", "×", .atLeast(0.9)),
      Figure("spread.cpu", "CPU, all processes", "s/1,000"),
    ] + Figure.cpuByRole("spread")
  ) { lab, earlier in
    let events = try await lab.create(min(1_000, lab.spike / 20), .places(100))
    let purchases = Purchases(lab.spike, of: events, section: "floor", authority: lab.authority)
    return try await lab.rate("spread", purchases, of: events, beside: earlier.peak)
  }

  /// Seats side by side, chosen by the hall's plan, until none is left.
  static let seats = Row(
    name: "seats", title: "A hall of 100,000 seats, the best 1 to 6 side by side, until sold out, 64 connections", needs: ["hot"],
    figures: [
      Figure("seats.decided", "decided", "/s"),
      Figure("seats.decided_share", "decided, to the hot event's rate", "×", .atLeast(0.7)),
      Figure("seats.cpu", "CPU, all processes", "s/1,000"),
    ] + Figure.cpuByRole("seats")
  ) { lab, earlier in
    let seats = lab.spike * 5
    let events = try await lab.create(1, .seats(seats))
    // 3.5 seats each on average, and a few requests more for what is then left.
    let purchases = Purchases(
      seats * 2 / 7 + seats / 40, of: events, section: "hall", quantities: { quantity($0) }, authority: lab.authority)
    let measurement = try await lab.rate("seats", purchases, of: events, beside: earlier.peak)
    guard measurement.tally.tickets == seats else {
      throw BenchFailure("\(measurement.tally.tickets) of \(seats) seats were sold, although more were asked for")
    }
    return measurement
  }

  /// 1 to 6, in an order that is the same in each run and looks like none.
  private static func quantity(_ number: Int) -> Int {
    Int((UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15) >> 33) % 6 + 1
  }
}

extension Lab {
  fileprivate func rate(
    _ name: String, _ purchases: Purchases, of events: [EventID], beside peak: Double
  ) async throws -> Measurement {
    let sale = try await sell(purchases, of: events, using: generator())
    var measurement = Measurement(tally: sale.tally)
    measurement.values = [
      "\(name).decided": sale.decidedPerSecond, "\(name).decided_share": sale.decidedPerSecond / peak,
      "\(name).cpu": sale.cpuPerThousand,
    ]
    measurement.values.merge(sale.cpuByRole(name)) { $1 }
    return measurement
  }
}
