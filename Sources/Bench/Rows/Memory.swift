import Ticketing

extension Row {
  /// What connections and seats take, in processes that were just started.
  static let memory = Row(
    name: "memory", title: "Memory",
    figures: [
      Figure("memory.gateway", "gateway with 10,000 idle connections", "MB", .atMost(80)),
      Figure("memory.gateway_empty", "gateway without any", "MB"),
      Figure("memory.worker", "worker with a sold hall of 100,000, less 100 bytes a seat", "MB", .atMost(60)),
      Figure("memory.worker_empty", "worker without events", "MB"),
      Figure("memory.seat", "worker's bytes a seat of it", "bytes"),
    ]
  ) { lab, _ in
    let seats = lab.spike * 5
    let connections = lab.spike / 2
    let events = try await lab.create(1, .seats(seats))
    for role in ["worker-1", "gateway"] { try await lab.control("restart", role) }
    let processes = try await lab.processes()
    let empty = try Self.memory(of: processes)
    let idle = try await lab.holding(connections, asking: FixedRequests.get("/v1/events/\(events[0])")) {
      try Self.memory(of: processes).gateway
    }
    let purchases = Purchases(
      (seats + 8) / 9, of: events, section: "hall", quantities: { _ in 9 }, authority: lab.authority)
    let sale = try await lab.sell(purchases, of: events, using: lab.generator())
    let worker = try Self.memory(of: processes).worker
    var measurement = Measurement(tally: sale.tally)
    measurement.values = [
      "memory.gateway": idle / 1e6, "memory.gateway_empty": empty.gateway / 1e6,
      "memory.worker": (worker - 100 * Double(seats)) / 1e6, "memory.worker_empty": empty.worker / 1e6,
      "memory.seat": (worker - empty.worker) / Double(seats),
    ]
    return measurement
  }

  private static func memory(of processes: Processes) throws -> (gateway: Double, worker: Double) {
    guard let gateway = processes.memory(of: "gateway"), let worker = processes.memory(of: "worker-1") else {
      throw BenchFailure("gateway and worker are not both running")
    }
    return (Double(gateway), Double(worker))
  }
}

extension Lab {
  /// Opens connections, asks something on each, and leaves them open while `body` runs.
  fileprivate func holding<Result>(_ count: Int, asking request: [UInt8], _ body: () throws -> Result) async throws -> Result {
    let connections = try (0..<count).map { (_) throws(BenchFailure) in
      let connection = try Connection(port: gatewayPort)
      _ = try Exchange(request, on: connection)
      return connection
    }
    return try withExtendedLifetime(connections) { try body() }
  }
}
