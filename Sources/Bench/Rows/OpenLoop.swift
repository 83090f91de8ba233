import Ticketing

extension Row {
  /// The ordinary day of a sale: what a customer waits for an outcome.
  static let openHalf = Row(
    name: "open-half", title: "Open loop at half the hot event's rate for 10 s: POST to outcome visible in Redis", needs: ["hot"],
    figures: [
      Figure("open-half.rate", "requests", "/s"),
      Figure("open-half.p50", "to outcome, p50", "ms", .atMost(8)),
      Figure("open-half.p99", "to outcome, p99", "ms", .atMost(40)),
      Figure("open-half.max", "to outcome, longest", "ms"),
      Figure("open-half.accept_p50", "to 202, p50", "ms"),
      Figure("open-half.accept_p99", "to 202, p99", "ms"),
      Figure("open-half.cpu", "CPU, all processes", "s/1,000"),
    ]
  ) { lab, earlier in
    let rate = try earlier.peak / 2
    let events = try await lab.create(1, .places(lab.spike / 4))
    let (sale, times) = try await lab.sellAndWatch(seconds: lab.seconds(10), rate: rate, of: events)
    let accepted = sale.answers.milliseconds(202)
    var measurement = Measurement(tally: sale.tally)
    measurement.values = [
      "open-half.rate": rate, "open-half.p50": times.percentile(0.5) ?? .nan, "open-half.p99": times.percentile(0.99) ?? .nan,
      "open-half.max": times.last ?? .nan, "open-half.accept_p50": accepted.percentile(0.5) ?? .nan,
      "open-half.accept_p99": accepted.percentile(0.99) ?? .nan, "open-half.cpu": sale.cpuPerThousand,
    ]
    return measurement
  }

  /// The first second of a sale after everything of TicketHub was started anew.
  static let cold = Row(
    name: "cold", title: "The first second of a sale, at half the hot event's rate, right after gateway and worker were started",
    needs: ["hot"],
    figures: [
      Figure("cold.p50", "to outcome, p50", "ms"),
      Figure("cold.p99", "to outcome, p99", "ms", .atMost(500)),
      Figure("cold.max", "to outcome, longest", "ms"),
    ]
  ) { lab, earlier in
    let events = try await lab.create(1, .places(lab.spike / 4))
    try await lab.control("restart", "worker-1")
    try await lab.control("restart", "gateway")
    let (sale, times) = try await lab.sellAndWatch(seconds: 1, rate: try earlier.peak / 2, of: events)
    var measurement = Measurement(tally: sale.tally)
    measurement.values = [
      "cold.p50": times.percentile(0.5) ?? .nan, "cold.p99": times.percentile(0.99) ?? .nan, "cold.max": times.last ?? .nan,
    ]
    return measurement
  }
}

extension Row.Values {
  /// The rate that was just measured at its highest.
  var peak: Double {
    get throws {
      guard let peak = self["hot.decided"] else { throw BenchFailure("the hot event's rate was not measured in this run") }
      return peak
    }
  }
}

extension Lab {
  /// A duration of the table of goals, shorter where fewer requests than its are sent.
  func seconds(_ seconds: Double) -> Double { max(1, seconds * min(1, Double(spike) / Double(Self.usualSpike))) }

  /// Sells at a fixed rate.
  /// - Returns: also the times from when a request was to be sent until its outcome was visible, in milliseconds, in order.
  func sellAndWatch(seconds: Double, rate: Double, of events: [EventID]) async throws -> (sale: Sale, times: [Double]) {
    let count = Int(rate * seconds)
    let purchases = Purchases(count, of: events, section: "floor", authority: authority)
    let pace = Pace.open(perSecond: rate)
    return try await Visibility.watch(self) { visibility in
      let sale = try await sell(purchases, of: events, using: generator(connections: 512, pace: pace))
      var times: [Double] = []
      for number in 0..<count where sale.answers.statuses[number] == 202 {
        guard let due = pace.due(number), let seen = visibility.time(of: purchases.reservation(number)) else {
          throw BenchFailure("the outcome of an accepted request was not announced in Redis")
        }
        times.append(Double(seen - sale.answers.start - due) / 1e6)
      }
      return (sale, times.sorted())
    }
  }
}
