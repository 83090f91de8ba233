import Foundation
import Glibc
import Pipeline
import PostgreSQL
import RabbitMQ
import Redis
import Ticketing

/// Why something could not be measured, in a sentence.
struct BenchFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The TicketHub that is measured, and the ways to reach its parts: what `compose/local env` tells.
struct Lab: Sendable {
  let gatewayPort: UInt16
  let authority: TokenAuthority
  let partitioning: Partitioning
  let database: PostgresPool
  let databaseURL: String
  let amqpURL: String
  let redisURL: String
  /// The port of Hummingbird's empty application; nil if it is not running.
  let yardstickPort: UInt16?
  private let yardstickPID: pid_t?
  /// `compose/local`, which starts and stops what is measured.
  let control: String
  /// What `tickethub` is told.
  private let settings: [String: String]
  private let binary: String
  /// Whether the largest cases are measured, too.
  let isLong: Bool
  /// How many requests a spike has.
  let spike: Int

  /// What the goals are for.
  static let usualSpike = 20_000

  /// Finds out where everything is.
  /// - Parameter control: `compose/local`.
  static func find(_ control: String, isLong: Bool, spike: Int) async throws -> Lab {
    var settings = ProcessInfo.processInfo.environment
    for line in try await run([control, "env"]).split(separator: "\n") {
      let parts = line.dropFirst("export ".count).split(separator: "=", maxSplits: 1)
      if parts.count == 2 { settings[String(parts[0])] = parts[1].trimmingCharacters(in: ["'"]) }
    }
    return try Lab(settings, control: control, isLong: isLong, spike: spike)
  }

  private init(_ settings: [String: String], control: String, isLong: Bool, spike: Int) throws {
    func setting(_ name: String) throws -> String {
      guard let value = settings["TICKETHUB_\(name)"], !value.isEmpty else { throw BenchFailure("TICKETHUB_\(name) is not set") }
      return value
    }
    guard let port = URL(string: try setting("URL"))?.port.flatMap(UInt16.init) else {
      throw BenchFailure("TICKETHUB_URL has no port")
    }
    gatewayPort = port
    authority = TokenAuthority(secret: Array(try setting("TOKEN_SECRET").utf8))
    partitioning = Partitioning(count: settings["TICKETHUB_PARTITIONS"].flatMap(Int.init) ?? Partitioning.defaultCount)
    (databaseURL, amqpURL, redisURL) = (try setting("DATABASE_URL"), try setting("AMQP_URL"), try setting("REDIS_URL"))
    database = try Self.pool(databaseURL)
    yardstickPort = settings["TICKETHUB_YARDSTICK_PORT"].flatMap(UInt16.init)
    yardstickPID = settings["TICKETHUB_YARDSTICK_PID"].flatMap(pid_t.init)
    binary = try setting("BIN")
    self.settings = settings.filter { $0.key.hasPrefix("TICKETHUB_") }
    (self.control, self.isLong, self.spike) = (control, isLong, spike)
  }

  /// The same TicketHub with nothing in it.
  func afresh() async throws -> Lab {
    await database.close()
    try await control("down")
    for server in ["postgres", "rabbitmq", "redis"] {
      // As `compose/local` keeps them.
      guard let state = ProcessInfo.processInfo.environment["TICKETHUB_STATE_DIR"] else {
        throw BenchFailure("TICKETHUB_STATE_DIR is not set; ./compose/local bench runs this")
      }
      let script = URL(fileURLWithPath: control).deletingLastPathComponent().appendingPathComponent("server").path
      _ = try await run([script, "remove", server, "--state", "\(state)/\(server)"])
    }
    try await control("up", "--workers", "1")
    return try await Self.find(control, isLong: isLong, spike: spike)
  }

  static func pool(_ url: String, size: Int = 1) throws -> PostgresPool {
    var configuration = try PostgresConfiguration(url: url, applicationName: "tickethub bench")
    // Counting what millions of decisions came to takes a while.
    (configuration.queryTimeout, configuration.statementTimeout) = (.seconds(605), .seconds(600))
    return PostgresPool(configuration, size: size, waitAtMost: .seconds(10), maximumWaiters: 64)
  }

  /// The processes as they are now: some rows restart them.
  func processes() async throws -> Processes {
    let output = try await run([control, "pids"])
    return Processes(
      roles: output.split(separator: "\n").compactMap { line in
        let words = line.split(separator: " ")
        return words.count == 2 ? pid_t(words[1]).map { (String(words[0]), $0) } : nil
      })
  }

  /// Hummingbird's empty application.
  var yardstick: Processes { Processes(roles: yardstickPID.map { [("yardstick", $0)] } ?? []) }

  /// Runs `tickethub`.
  /// - Parameter changes: settings that are others than those of what is measured.
  func tickethub(_ arguments: String..., with changes: [String: String] = [:]) async throws -> String {
    try await run([binary] + arguments, environment: settings.merging(changes) { $1 })
  }

  /// Runs a command of `compose/local`.
  func control(_ arguments: String...) async throws { _ = try await run([control] + arguments) }

  func generator(connections: Int = 64, pace: Pace = .closed) -> Generator {
    Generator(port: gatewayPort, connections: connections, pace: pace)
  }

  /// The monotonic clock's reading when a condition held; asks every other millisecond.
  func wait(_ seconds: Double, for what: String, until condition: () async throws -> Bool) async throws -> Int64 {
    let deadline = monotonicNanoseconds() + Int64(seconds * 1e9)
    while true {
      let holds = try await condition()
      let now = monotonicNanoseconds()
      if holds { return now }
      if now > deadline { throw BenchFailure("\(what) did not come within \(seconds) s") }
      try await Task.sleep(for: .milliseconds(2))
    }
  }
}

/// The wall clock.
func wallClock() -> Timestamp {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
}
