import Ticketing

extension Row {
  /// Twice as many as can be served, for a minute.
  static let overload = Row(
    name: "overload", title: "Open loop at twice the hot event's rate for 60 s", needs: ["hot"],
    figures: [
      Figure("overload.rate", "requests", "/s"),
      Figure("overload.decided", "decided, while it lasts", "/s"),
      Figure("overload.decided_share", "decided, to the hot event's rate", "×", .atLeast(0.9)),
      Figure("overload.accept_p99", "202 after, p99", "ms", .atMost(250)),
      Figure("overload.refuse_p50", "503 after, p50", "ms"),
      Figure("overload.refuse_p99", "503 after, p99", "ms", .atMost(20)),
      Figure("overload.backlog", "accepted and undecided when it stops", "requests"),
      Figure("overload.drain", "until they are decided", "s"),
      Figure("overload.drain_share", "decided then, to the hot event's rate", "×", .atLeast(0.9)),
      Figure("overload.memory_gateway", "gateway at its largest", "MB"),
      Figure("overload.memory_worker", "worker at its largest", "MB"),
      Figure("overload.memory_rabbitmq", "RabbitMQ at its largest", "MB"),
    ]
  ) { lab, earlier in
    let peak = try earlier.peak
    let seconds = lab.seconds(60)
    let events = try await lab.create(1, .places(lab.spike / 4))
    let count = Int(2 * peak * seconds)
    let purchases = Purchases(count, of: events, section: "floor", authority: lab.authority)
    let processes = try await lab.processes()
    // Beside the sale, and ended with it.
    let sampling = Task { await largest(of: processes) }
    let generator = lab.generator(connections: 4096, pace: .open(perSecond: 2 * peak))
    let sale: Sale
    do {
      sale = try await lab.sell(purchases, of: events, using: generator)
    } catch {
      sampling.cancel()
      throw error
    }
    sampling.cancel()
    let memory = await sampling.value

    let backlog = sale.tally.decided - sale.decidedAtStop
    let decided = Double(sale.decidedAtStop) / sale.answers.seconds
    let drain = sale.seconds - sale.answers.seconds
    let refused = sale.answers.milliseconds(503)
    var measurement = Measurement(tally: sale.tally)
    measurement.values = [
      "overload.rate": 2 * peak, "overload.decided": decided, "overload.decided_share": decided / peak,
      "overload.accept_p99": sale.answers.milliseconds(202).percentile(0.99) ?? .nan,
      "overload.refuse_p50": refused.percentile(0.5) ?? 0, "overload.refuse_p99": refused.percentile(0.99) ?? 0,
      "overload.backlog": Double(backlog), "overload.drain": drain,
      // What is left of a few batches is gone before a rate of it could be told.
      "overload.drain_share": Double(backlog) < peak / 4 ? 1 : Double(backlog) / drain / peak,
    ]
    for (role, name) in [("gateway", "gateway"), ("worker-1", "worker"), ("rabbitmq", "rabbitmq")] {
      measurement.values["overload.memory_\(name)"] = Double(memory[role] ?? 0) / 1e6
    }
    if refused.isEmpty { measurement.notes.append("in some run nothing was refused; its 503s count as 0 ms") }
    if Double(backlog) < peak / 4 {
      measurement.notes.append("a backlog of less than a quarter second counts as drained at the peak rate")
    }
    return measurement
  }

  /// The most memory that each role was seen with, once a second until this is cancelled.
  private static func largest(of processes: Processes) async -> [String: Int] {
    var largest: [String: Int] = [:]
    repeat {
      for (role, _) in processes.roles { largest[role] = max(largest[role] ?? 0, processes.memory(of: role) ?? 0) }
      try? await Task.sleep(for: .seconds(1))
    } while !Task.isCancelled
    return largest
  }
}
