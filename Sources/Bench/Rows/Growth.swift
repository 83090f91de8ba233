import Glibc
import Ticketing

extension Row {
  /// Whether a decision costs more where there is more of something.
  static let growth = Row(
    name: "growth", title: "Growth: CPU per decision, all processes, with much of something to that with little",
    startsAfresh: true,
    figures: [
      Figure("growth.base", "CPU with little of everything", "s/1,000"),
      Figure("growth.events", "10,000 published events, to 1", "×", .atMost(1.1)),
      Figure("growth.journal", "a journal of 10,000,000 decisions, to 0", "×", .atMost(1.1)),
      Figure("growth.hall", "a hall of 100,000 seats, to 100", "×", .atMost(1.1)),
      Figure("growth.holds", "100,000 live holds, to 0", "×", .atMost(1.1)),
      Figure("growth.backlog", "a backlog of 1,000,000, to 1,000", "×", .atMost(1.1)),
    ]
  ) { lab, _ in
    let sizes = Sizes(lab)
    // The first sale makes processes and caches as large as they will be.
    _ = try await lab.sale(lab.spike, .places(lab.spike / 4))
    let base = try await lab.cpu(selling: lab.spike, of: .places(lab.spike / 4))
    _ = try await lab.create(sizes.events, .places(100))
    let amongMany = try await lab.cpu(selling: lab.spike, of: .places(lab.spike / 4))
    var left = sizes.journal
    while left > 0 {
      // In pieces: a request needs a token, and ten million of them a gigabyte.
      let piece = min(left, 200_000)
      _ = try await lab.sale(piece, .places(piece / 4))
      left -= piece
    }
    let afterMany = try await lab.cpu(selling: lab.spike, of: .places(lab.spike / 4))
    let smallHall = try await lab.cpu(ofHall: 100)
    let largeHall = try await lab.cpu(ofHall: sizes.hall)
    let noHolds = try await lab.cpu(selling: lab.spike, of: .places(sizes.holds + lab.spike))
    let manyHolds = try await lab.cpu(selling: lab.spike, after: sizes.holds)
    let shortBacklog = try await lab.cpu(ofBacklog: min(1_000, lab.spike / 20), times: 20)
    let longBacklog = try await lab.cpu(ofBacklog: sizes.backlog)
    var measurement = Measurement(notes: sizes.notes)
    measurement.values = [
      "growth.base": base, "growth.events": amongMany / base, "growth.journal": afterMany / amongMany,
      "growth.hall": largeHall / smallHall, "growth.holds": manyHolds / noHolds, "growth.backlog": longBacklog / shortBacklog,
    ]
    return measurement
  }

  /// How much there is of everything: what the goals say with `--long`, else what takes minutes.
  private struct Sizes {
    var events: Int
    var journal: Int
    var hall: Int
    var holds: Int
    var backlog: Int
    var notes: [String]

    init(_ lab: Lab) {
      let share = min(1, Double(lab.spike) / Double(Lab.usualSpike))
      func size(_ long: Int, otherwise short: Int) -> Int { max(100, Int(Double(lab.isLong ? long : short) * share)) }
      events = size(10_000, otherwise: 1_000)
      journal = size(10_000_000, otherwise: 200_000)
      hall = size(100_000, otherwise: 100_000)
      holds = size(100_000, otherwise: 100_000)
      backlog = size(1_000_000, otherwise: 100_000)
      notes = [
        "measured with \(Text.count(events)) events, a journal of \(Text.count(journal)), a hall of \(Text.count(hall)), "
          + "\(Text.count(holds)) holds and a backlog of \(Text.count(backlog))"
      ]
      if !lab.isLong { notes.append("these stand in for the goals' sizes; --long measures those, which takes hours") }
    }
  }
}

extension Lab {
  /// Of how many sales in a row the median is taken. Some bear what falls due after many: PostgreSQL counts its rows, Redis doubles its
  /// tables, RabbitMQ writes its log anew. Such a sale takes up to half as much again.
  private static let sales = 5

  /// CPU seconds for 1,000 decisions on requests for single tickets of a new event.
  fileprivate func sale(_ count: Int, _ offer: Offer) async throws -> Double {
    let events = try await create(1, offer)
    return try await sell(purchases(count, of: events, offer), of: events, using: generator()).cpuPerThousand
  }

  /// The same of several events, one after the other.
  fileprivate func cpu(selling count: Int, of offer: Offer) async throws -> Double {
    var costs: [Double] = []
    for _ in 1...Self.sales { costs.append(try await sale(count, offer)) }
    return costs.sorted()[Self.sales / 2]
  }

  /// The same of one event, of which so many places are held before it is measured, and meanwhile.
  fileprivate func cpu(selling count: Int, after holds: Int) async throws -> Double {
    let offer = Offer.places(holds + count * Self.sales)
    let events = try await create(1, offer)
    _ = try await sell(purchases(holds, of: events, offer), of: events, using: generator())
    var costs: [Double] = []
    for _ in 1...Self.sales {
      costs.append(try await sell(purchases(count, of: events, offer), of: events, using: generator()).cpuPerThousand)
    }
    return costs.sorted()[Self.sales / 2]
  }

  /// The same for a hall in which a hundred seats are left, so that halls of all sizes have the same outcomes.
  fileprivate func cpu(ofHall seats: Int) async throws -> Double {
    let offer = Offer.seats(seats)
    let events = try await create(1, offer)
    // Up to nine at once: filling it is not what is measured.
    let taken = (seats - 100) / 9 * 9
    if taken > 0 { _ = try await sell(purchases(taken / 9, of: events, offer, each: 9), of: events, using: generator()) }
    return try await sell(purchases(spike, of: events, offer), of: events, using: generator()).cpuPerThousand
  }

  private func purchases(_ count: Int, of events: [EventID], _ offer: Offer, each quantity: Int = 1) -> Purchases {
    Purchases(count, of: events, section: offer.section, quantities: { _ in quantity }, authority: authority)
  }

  /// The same for requests that all wait before the first is decided; several times one after the other, so that there is something to
  /// be measured of a short backlog.
  fileprivate func cpu(ofBacklog count: Int, times: Int) async throws -> Double {
    let events = try await create(1, .places(count * times / 4))
    let processes = try await processes()
    guard let worker = processes.roles.first(where: { $0.role == "worker-1" })?.pid else { throw BenchFailure("no worker runs") }
    let before = processes.cpu()
    for time in 1...times {
      kill(worker, SIGSTOP)
      defer { kill(worker, SIGCONT) }
      try await queue(count, events)
      kill(worker, SIGCONT)
      _ = try await wait(60, for: "the end of a backlog") { try await decisions(of: events) >= count * time }
    }
    return processes.cpu().merging(before) { $0 - $1 }.values.reduce(0, +) * 1000 / Double(count * times)
  }

  /// A long backlog: a worker that is suspended for as long as this takes would be taken for dead, so there is none meanwhile.
  fileprivate func cpu(ofBacklog count: Int) async throws -> Double {
    let events = try await create(1, .places(count / 4))
    try await control("workers", "0")
    let before = try await processes().cpu()
    var left = count
    while left > 0 {
      try await queue(min(left, 200_000), events)
      left -= min(left, 200_000)
    }
    try await control("workers", "1")
    _ = try await wait(900, for: "the end of a backlog") { try await decisions(of: events) >= count }
    let used = try await processes().cpu().merging(before) { $0 - $1 }
    return used.values.reduce(0, +) * 1000 / Double(count)
  }

  private func queue(_ count: Int, _ events: [EventID]) async throws {
    let answers = try await generator().run(purchases(count, of: events, .places(0)))
    if let unexpected = answers.unexpected(202) { throw BenchFailure("a backlog could not be queued: \(unexpected)") }
  }
}
