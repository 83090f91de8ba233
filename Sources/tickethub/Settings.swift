import Backends
import Configuration
import Gateway
import Glibc
import Logging
import Pipeline
import PostgreSQL
import Redis
import SystemPackage
import Ticketing

/// The settings of all commands: environment variables before a `.env` file in the working directory.
struct Settings {
  private let reader: ConfigReader

  init() async throws {
    let file = try await EnvironmentVariablesProvider(environmentFilePath: ".env", allowMissing: true)
    reader = ConfigReader(providers: [EnvironmentVariablesProvider(), file]).scoped(to: "tickethub")
  }

  // MARK: Servers

  func databaseURL() throws -> String { try required("database.url", "postgres://user:password@host:5432/tickethub") }

  func amqpURL() throws -> String { try required("amqp.url", "amqp://user:password@host:5672/%2f") }

  func redisURL() throws -> String { try required("redis.url", "redis://:password@host:6379/0") }

  func pool(_ name: String, size: Int, waitAtMost: Duration = .seconds(2), maximumWaiters: Int = 256) throws -> PostgresPool {
    var configuration = try postgres(name)
    configuration.findsRowsByKey = true
    return PostgresPool(configuration, size: size, waitAtMost: waitAtMost, maximumWaiters: maximumWaiters)
  }

  /// For reading a lot in one transaction, which may wait for something else meanwhile.
  func readingPool(_ name: String) throws -> PostgresPool {
    var configuration = try postgres(name)
    configuration.idleInTransactionTimeout = .seconds(120)
    (configuration.queryTimeout, configuration.statementTimeout) = (.seconds(65), .seconds(60))
    return PostgresPool(configuration, size: 2, waitAtMost: .seconds(10), maximumWaiters: 16)
  }

  /// For changing tables, however large they are, and for waiting until somebody else has.
  func migratingPool() throws -> PostgresPool {
    var configuration = try postgres("migrate")
    (configuration.statementTimeout, configuration.lockTimeout) = (.seconds(4 * 3600), .seconds(4 * 3600))
    configuration.queryTimeout = .seconds(5 * 3600)
    return PostgresPool(configuration, size: 1, waitAtMost: .seconds(10), maximumWaiters: 1)
  }

  private func postgres(_ name: String) throws -> PostgresConfiguration {
    do {
      return try PostgresConfiguration(url: databaseURL(), applicationName: "tickethub \(name)")
    } catch let error as PostgresError {
      throw CommandFailure("TICKETHUB_DATABASE_URL: \(error.message)")
    }
  }

  /// For commands that would rather wait than give up.
  func patientRedis(_ name: String) throws -> RedisConfiguration {
    var configuration = try redis(name)
    (configuration.connectTimeout, configuration.commandTimeout) = (.seconds(5), .seconds(10))
    return configuration
  }

  func redis(_ name: String) throws -> RedisConfiguration {
    do {
      var configuration = try RedisConfiguration(url: redisURL())
      configuration.clientName = "tickethub-\(name)"
      configuration.connectTimeout = .milliseconds(500)
      configuration.commandTimeout = .milliseconds(500)
      return configuration
    } catch let error as RedisError {
      throw CommandFailure("TICKETHUB_REDIS_URL: \(error.message)")
    }
  }

  func link(_ name: String, _ topology: Topology, _ logger: Logger) throws -> BrokerLink {
    do {
      return try BrokerLink(url: amqpURL(), name: "tickethub \(name)", heartbeat: .seconds(4), topology: topology, logger: logger)
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure("TICKETHUB_AMQP_URL: \(error)")
    }
  }

  // MARK: The pipeline

  func partitioning() throws -> Partitioning {
    Partitioning(count: try integer("partitions", in: Partitioning.validCounts, default: Partitioning.defaultCount))
  }

  func topology() throws -> Topology {
    Topology(
      partitioning: try partitioning(),
      queueLimit: try integer("queue.limit", in: 1...10_000_000, default: Topology.defaultQueueLimit))
  }

  func tokenAuthority() throws -> TokenAuthority {
    let secret = try required("token.secret", "64 hexadecimal digits, such as `openssl rand -hex 32` gives", isSecret: true)
    guard secret.utf8.count >= TokenAuthority.minimumSecretBytes else {
      throw CommandFailure("TICKETHUB_TOKEN_SECRET must have at least \(TokenAuthority.minimumSecretBytes) characters")
    }
    return TokenAuthority(secret: Array(secret.utf8))
  }

  func rateLimits() throws -> RateLimits {
    var limits = RateLimits()
    limits.user = try rateLimit("rate.limit.user", default: limits.user)
    limits.address = try rateLimit("rate.limit.address", default: limits.address)
    limits.accounts = try rateLimit("rate.limit.accounts", default: limits.accounts)
    limits.trustsForwardedFor = try flag("trust.forwarded.for")
    return limits
  }

  // MARK: The process

  func host() -> String { reader.string(forKey: "host", default: "127.0.0.1") }

  func port() throws -> Int { try integer("port", in: 0...65535, default: 8080) }

  func adminPort() throws -> Int? {
    let port = try integer("admin.port", in: 0...65535, default: 0)
    return port == 0 ? nil : port
  }

  func sqlDirectory() -> String { reader.string(forKey: "sql.dir", default: "sql") }

  func readyFile() -> String? { reader.string(forKey: "ready.file") }

  func testPoison() -> String? { reader.string(forKey: "test.poison") }

  func url() -> String? { reader.string(forKey: "url") }

  func logger(_ label: String) throws -> Logger {
    var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
    let text = reader.string(forKey: "log.level", default: "info")
    guard let level = Logger.Level(rawValue: text) else {
      throw CommandFailure(
        "TICKETHUB_LOG_LEVEL is \(text); it may be \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    logger.logLevel = level
    return logger
  }

  // MARK: Reading

  private func required(_ key: ConfigKey, _ example: String, isSecret: Bool = false) throws -> String {
    guard let value = reader.string(forKey: key, isSecret: isSecret), !value.isEmpty else {
      throw CommandFailure("\(name(key)) is not set; it looks like this: \(example)")
    }
    return value
  }

  private func integer(_ key: ConfigKey, in range: ClosedRange<Int>, default fallback: Int) throws -> Int {
    guard let text = reader.string(forKey: key), !text.isEmpty else { return fallback }
    guard let value = Int(text), range.contains(value) else {
      throw CommandFailure("\(name(key)) is \(text); it may be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private func flag(_ key: ConfigKey) throws -> Bool {
    switch reader.string(forKey: key) {
    case nil, "", "false": return false
    case "true": return true
    case .some(let text): throw CommandFailure("\(name(key)) is \(text); it may be true or false")
    }
  }

  /// As `1000/10`: requests in seconds; `none` for no limit.
  private func rateLimit(_ key: ConfigKey, default fallback: RateLimit?) throws -> RateLimit? {
    guard let text = reader.string(forKey: key), !text.isEmpty else { return fallback }
    if text == "none" { return nil }
    let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let requests = numbers[0], let seconds = numbers[1], requests > 0, (1...86_400).contains(seconds)
    else {
      throw CommandFailure("\(name(key)) is \(text); it may be none, or requests/seconds such as 1000/10")
    }
    return RateLimit(requests: requests, seconds: seconds)
  }

  private func name(_ key: ConfigKey) -> String {
    "TICKETHUB_" + key.components.map { $0.uppercased() }.joined(separator: "_")
  }
}

/// The wall clock, from which all of a process's times come.
@Sendable func wallClock() -> Timestamp {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
}

/// This machine's name, for operators.
func hostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
  return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
