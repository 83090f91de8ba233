extension Row {
  /// What an HTTP server costs that does nothing.
  static let http = Row(
    name: "http", title: "Hummingbird alone, 64 connections",
    figures: [
      Figure("http.json", "POST, small JSON in and out", "/s"),
      Figure("http.empty", "GET, an empty answer", "/s"),
      Figure("http.cpu_json", "CPU, POST", "s/1,000"),
      Figure("http.cpu_empty", "CPU, GET", "s/1,000"),
    ]
  ) { lab, _ in
    let body = #"{"selection":{"section":"floor","quantity":1}}"#
    let post = try await lab.askYardstick(FixedRequests.post("/json", body: body))
    let get = try await lab.askYardstick(FixedRequests.get("/empty"))
    var measurement = Measurement()
    measurement.values = [
      "http.json": post.perSecond, "http.cpu_json": post.cpuPerThousand,
      "http.empty": get.perSecond, "http.cpu_empty": get.cpuPerThousand,
    ]
    return measurement
  }
}

extension Lab {
  /// How fast a request is answered, sent again and again.
  struct Rate {
    var perSecond: Double
    /// CPU seconds of the server for 1,000 requests.
    var cpuPerThousand: Double
  }

  func askYardstick(_ request: [UInt8]) async throws -> Rate {
    guard let yardstickPort else { throw BenchFailure("TICKETHUB_YARDSTICK_PORT is not set") }
    return try await ask(
      FixedRequests(requests: [request], count: spike), at: yardstickPort, role: "yardstick", of: yardstick, expecting: 200)
  }

  func ask(
    _ requests: FixedRequests, at port: UInt16, role: String, of processes: Processes, expecting status: UInt16
  ) async throws -> Rate {
    let generator = Generator(port: port)
    // The first requests on new connections are not what is compared.
    _ = try await generator.run(FixedRequests(requests: requests.requests, count: min(1_000, requests.count)))
    let before = processes.cpu()[role] ?? .nan
    let answers = try await generator.run(requests)
    if let unexpected = answers.unexpected(status) { throw BenchFailure("not all answers were \(status): \(unexpected)") }
    let used = (processes.cpu()[role] ?? .nan) - before
    return Rate(
      perSecond: Double(requests.count) / answers.seconds, cpuPerThousand: used * 1000 / Double(requests.count))
  }
}
