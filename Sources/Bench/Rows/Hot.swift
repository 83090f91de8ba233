import Ticketing

extension Row {
  /// One event that everybody wants.
  static let hot = Row(
    name: "hot", title: "One hot event: 20,000 requests for 5,000 places over 64 connections",
    figures: [
      Figure("hot.decided", "decided", "/s"),
      Figure("hot.accepted", "accepted", "/s"),
      Figure("hot.accept_p99", "202 after, p99", "ms"),
      Figure("hot.cpu", "CPU, all processes", "s/1,000", .atMost(0.12)),
    ] + Figure.cpuByRole("hot") + [
      Figure("hot.generator", "the generator, not counted above", "s/1,000")
    ]
  ) { lab, _ in
    let events = try await lab.create(1, .places(lab.spike / 4))
    let purchases = Purchases(lab.spike, of: events, section: "floor", authority: lab.authority)
    let sale = try await lab.sell(purchases, of: events, using: lab.generator())
    guard sale.tally.tickets == lab.spike / 4 else {
      throw BenchFailure("\(sale.tally.tickets) tickets were given for \(lab.spike / 4) places that \(lab.spike) asked for")
    }
    var measurement = Measurement(tally: sale.tally)
    measurement.values = [
      "hot.decided": sale.decidedPerSecond,
      "hot.accepted": Double(sale.tally.accepted) / sale.answers.seconds,
      "hot.accept_p99": sale.answers.milliseconds(202).percentile(0.99) ?? .nan,
      "hot.cpu": sale.cpuPerThousand,
      "hot.generator": sale.generatorCPU * 1000 / Double(sale.tally.decided),
    ]
    measurement.values.merge(sale.cpuByRole("hot")) { $1 }
    return measurement
  }
}

extension Figure {
  /// What each kind of process took of a row's `cpu`.
  static func cpuByRole(_ row: String) -> [Figure] {
    [("gateway", "gateway"), ("worker", "worker"), ("rabbitmq", "RabbitMQ"), ("postgres", "PostgreSQL"), ("redis", "Redis")]
      .map { Figure("\(row).cpu_\($0)", $1, "s/1,000") }
  }
}

extension Sale {
  /// The values of ``Figure/cpuByRole(_:)``.
  func cpuByRole(_ row: String) -> Row.Values {
    var values: Row.Values = [:]
    for (role, seconds) in cpu {
      // One worker; it is the role's number that tells several apart.
      values["\(row).cpu_\(role == "worker-1" ? "worker" : role)"] = seconds * 1000 / Double(tally.decided)
    }
    return values
  }
}
