/// What went wrong between this process and PostgreSQL: what, where, and what to do next.
///
/// ``message`` and ``description`` never contain the password. ``detail`` may quote values of the rows in question, as in
/// `Key (email)=(…) already exists`, so it is kept out of the description and does not belong into a log.
public struct PostgresError: Error, Sendable, Hashable {
  public enum Code: Sendable, Hashable {
    /// The URL cannot be parsed. Nothing was tried.
    case invalidURL
    /// No connection could be made: the server is away, starting, full, or not trusted (TLS).
    case connectFailed
    /// The server refused the user, the password or the host.
    case authenticationFailed
    /// The connection ended. Whether the query took effect is unknown, unless it was never sent.
    case connectionLost
    /// No answer in time. The connection was discarded; whether the query took effect is unknown.
    case timedOut
    /// No connection of the pool became free in time, too many tasks wait for one already, or the pool was closed.
    case poolExhausted
    /// The server refused the query, and its transaction is undone: see ``PostgresError/sqlState``.
    case server
    /// A result is not what the reader asked for: another type, NULL, no such column.
    case decoding
  }

  public let code: Code
  public let message: String
  /// The five characters of the SQL standard's error code, where the server sent one.
  public internal(set) var sqlState: String?
  public internal(set) var detail: String?
  public internal(set) var hint: String?
  public internal(set) var table: String?
  public internal(set) var column: String?
  public internal(set) var constraint: String?
  /// The name of the statement that failed.
  public internal(set) var statement: String?
  /// Which of a pipeline's queries failed, from 0; nil when it was none of them, as when the commit itself failed.
  public internal(set) var queryIndex: Int?
  /// The server's plan for a prepared statement no longer holds; the connection prepares it again next time.
  var isStaleStatement = false

  init(_ code: Code, _ message: String, sqlState: String? = nil) {
    (self.code, self.message, self.sqlState) = (code, message, sqlState)
  }

  /// Whether the same call may succeed if it is simply made again. With ``Code/connectionLost`` and ``Code/timedOut`` the first
  /// one may have taken effect, so only what can be repeated without harm should be.
  public var isRetryable: Bool {
    switch code {
    case .connectionLost, .timedOut, .poolExhausted: true
    case .invalidURL, .authenticationFailed, .decoding: false
    case .connectFailed: sqlState.map { $0 != SQLState.noSuchDatabase } ?? true
    case .server: isStaleStatement || sqlState.map(SQLState.isTransient) ?? false
    }
  }

  public var isUniqueViolation: Bool { sqlState == "23505" }
  public var isCheckViolation: Bool { sqlState == "23514" }
  public var isForeignKeyViolation: Bool { sqlState == "23503" }
  public var isSerializationFailure: Bool { sqlState == "40001" }
  public var isDeadlock: Bool { sqlState == "40P01" }
  /// A lock was not given within the connection's `lockTimeout`, or at once with `NOWAIT`.
  public var isLockTimeout: Bool { sqlState == "55P03" }
  /// The server stopped the statement, mostly because of the connection's `statementTimeout`.
  public var isStatementTimeout: Bool { sqlState == "57014" }
}

extension PostgresError: CustomStringConvertible {
  public var description: String {
    var facts: [String] = []
    if let sqlState { facts.append("SQLSTATE \(sqlState)") }
    if let statement { facts.append("statement \(statement)") }
    if let queryIndex { facts.append("query \(queryIndex)") }
    if let constraint { facts.append("constraint \(constraint)") }
    if let hint { facts.append("hint: \(hint)") }
    let what = code == .server ? "PostgreSQL: \(message)" : message
    return facts.isEmpty ? what : "\(what) (\(facts.joined(separator: ", ")))"
  }
}

/// Error codes with a meaning to this client; see appendix A of PostgreSQL's documentation.
enum SQLState {
  static let noSuchDatabase = "3D000"
  static let failedTransaction = "25P02"
  static let unknownPreparedStatement = "26000"
  static let invalidAuthorizationClass = "28"

  /// Whether the state says that only the moment was wrong.
  static func isTransient(_ state: String) -> Bool {
    switch state {
    case "25P03",  // idle in transaction for too long
      "55P03",  // lock not available
      "57014",  // the statement took too long
      "57P01", "57P02", "57P03", "57P05":  // the server stops, crashed, starts; idle for too long
      true
    // Connection exceptions; transactions to be repeated (serialization, deadlock); out of connections, memory or disk.
    default: state.hasPrefix("08") || state.hasPrefix("40") || state.hasPrefix("53")
    }
  }
}
