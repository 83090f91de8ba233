import CPostgreSQL

/// Where the server is, who asks, and how long to wait.
public struct PostgresConfiguration: Sendable {
  let url: String
  let applicationName: String
  /// Host and port, for messages: the URL itself holds the password.
  let address: String
  /// The URL's own `options`, which are joined with those that this type makes.
  private let urlOptions: String?

  /// How long connecting may take in all, with every host that the URL lists. The names in the URL are resolved by the system's
  /// resolver, which cannot be interrupted: where that may hang, give addresses, or `hostaddr` beside `host`.
  public var connectTimeout: Duration = .seconds(3)
  /// How long this side waits for the whole answer to one call. After that the connection is discarded. Longer than
  /// ``statementTimeout``, so that the server gives up first and the connection survives.
  public var queryTimeout: Duration = .seconds(10)
  /// The server's `statement_timeout`; nil leaves it as the server has it. Set at connect, like the other two.
  public var statementTimeout: Duration? = .seconds(8)
  /// The server's `lock_timeout`.
  public var lockTimeout: Duration? = .seconds(5)
  /// The server's `idle_in_transaction_session_timeout`.
  public var idleInTransactionTimeout: Duration? = .seconds(10)
  /// Whether all statements of the session look for some rows by their keys: then they are planned once, and tables are only
  /// read by their indexes; a join of two of them by = may still read all of one, in the order of its index.
  /// The server's planner, which is told the number of keys each time, thinks that 50 keys are found sooner by reading all of a table
  /// with 1,000 rows, and cost grows with the table.
  public var findsRowsByKey = false

  /// - Parameters:
  ///   - url: `postgres://user:password@host:port/database?name=value…`, or `postgresql://…`. libpq reads it, so its parameters
  ///     are libpq's: `sslmode=verify-full`, `sslrootcert=…`, `options=-c%20work_mem%3D8MB`, `keepalives_idle=…`. What it says
  ///     takes precedence over this client's defaults. What it leaves out, libpq takes from `PGUSER`, `PGPASSWORD` and so on.
  ///   - applicationName: What `pg_stat_activity` and the server's log show, unless the URL names another.
  public init(url: String, applicationName: String) throws(PostgresError) {
    guard let parsed = Self.parse(url) else {
      // Not libpq's own message: it quotes the URL, or a part of the password that it took for something else.
      throw PostgresError(
        .invalidURL,
        "the PostgreSQL URL is not of the form postgres://user:password@host:port/database?parameter=value; are special "
          + "characters in the password percent-encoded, and the parameters libpq's (sslmode, sslrootcert, options…)?")
    }
    (self.url, self.applicationName) = (url, applicationName)
    urlOptions = parsed["options"]
    address = Self.address(hosts: parsed["host"] ?? parsed["hostaddr"], ports: parsed["port"])
  }

  /// What `PQconnectStartParams` takes, in its order: what stands before the URL gives way to it, what stands after it does not.
  var parameters: [(name: String, value: String)] {
    [
      ("application_name", applicationName),
      // A peer that vanished without a word is noticed within half a minute when idle, within ten seconds when sent something.
      ("keepalives_idle", "15"), ("keepalives_interval", "5"), ("keepalives_count", "3"), ("tcp_user_timeout", "10000"),
      // Looking for Kerberos credentials may ask the network, and cannot be interrupted.
      ("gssencmode", "disable"),
      ("dbname", url),
      ("options", options),
      ("client_encoding", "UTF8"),
    ]
  }

  /// The server's settings for the session. The URL's come last, so they win.
  private var options: String {
    // With the last ones the server notices a client that died while its query runs or waits for a lock, and one that vanished
    // without a word in the middle of a transaction.
    var options = [(String, Duration?)]([
      ("statement_timeout", statementTimeout),
      ("lock_timeout", lockTimeout),
      ("idle_in_transaction_session_timeout", idleInTransactionTimeout),
      ("client_connection_check_interval", .seconds(2)),
    ]).compactMap { name, duration in duration.map { "-c \(name)=\($0.milliseconds)" } }
    options.append("-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3")
    if findsRowsByKey {
      options.append("-c plan_cache_mode=force_generic_plan -c jit=off")
      options += ["seqscan", "hashjoin", "mergejoin"].map { "-c enable_\($0)=off" }
    }
    if let urlOptions { options.append(urlOptions) }
    return options.joined(separator: " ")
  }

  /// The URL's parameters; nil if it is none.
  private static func parse(_ url: String) -> [String: String]? {
    guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://"), !url.utf8.contains(0) else { return nil }
    guard let options = PQconninfoParse(url, nil) else { return nil }
    defer { PQconninfoFree(options) }
    var parsed: [String: String] = [:]
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { parsed[String(cString: keyword)] = String(cString: value) }
      option += 1
    }
    // An unescaped slash or @ in the password makes libpq take a part of it for the port or the host, and show it at connect.
    let ports = parsed["port"]?.split(separator: ",", omittingEmptySubsequences: true) ?? []
    guard ports.allSatisfy({ UInt16($0) != nil }), parsed["host"]?.contains("@") != true else { return nil }
    return parsed
  }

  /// `a:1,b:2`, or the one port for all hosts, as libpq reads the two lists.
  private static func address(hosts: String?, ports: String?) -> String {
    guard let hosts, !hosts.isEmpty else { return "the local socket" }
    let ports = (ports ?? "5432").split(separator: ",", omittingEmptySubsequences: false)
    return hosts.split(separator: ",", omittingEmptySubsequences: false).enumerated().map { index, host in
      let port = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : ""
      return "\(host):\(port.isEmpty ? "5432" : port)"
    }.joined(separator: ",")
  }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
  /// Without the password.
  public var description: String { "PostgreSQL at \(address)" }
  public var debugDescription: String { description }
}

extension Duration {
  /// Whole milliseconds, rounded up, as the server's settings and `poll` want them.
  var milliseconds: Int32 {
    let (seconds, attoseconds) = components
    return Int32(clamping: max(0, seconds &* 1000 &+ (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
  }
}
