import CPostgreSQL
import Glibc

/// Makes a libpq connection without ever blocking for longer than the configured time.
enum Connecting {
  /// A connection in pipeline mode and in non-blocking mode, which the caller owns.
  static func connect(_ configuration: PostgresConfiguration) throws(PostgresError) -> OpaquePointer {
    let deadline = ContinuousClock.now + configuration.connectTimeout
    guard let connection = start(configuration) else {
      throw PostgresError(.connectFailed, "no memory is left for a connection to PostgreSQL at \(configuration.address)")
    }
    do throws(PostgresError) {
      // Makes the server's errors carry their code, which libpq gives in no other way before the connection is there.
      PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
      logNotices(of: connection)
      try finish(connection, configuration, deadline)
      PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
      guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else {
        throw failure(of: connection, configuration)
      }
      return connection
    } catch {
      PQfinish(connection)
      throw error
    }
  }

  private static func start(_ configuration: PostgresConfiguration) -> OpaquePointer? {
    let parameters = configuration.parameters
    let strings = parameters.flatMap { [strdup($0.name), strdup($0.value)] }
    defer { for string in strings { free(string) } }
    var names: [UnsafePointer<CChar>?] = []
    var values: [UnsafePointer<CChar>?] = []
    for index in parameters.indices {
      names.append(strings[2 * index].map { UnsafePointer($0) })
      values.append(strings[2 * index + 1].map { UnsafePointer($0) })
    }
    names.append(nil)
    values.append(nil)
    return PQconnectStartParams(names, values, 1)
  }

  /// Does what `PQconnectPoll` asks for until the connection is there. The socket may be another one each time.
  private static func finish(
    _ connection: OpaquePointer, _ configuration: PostgresConfiguration, _ deadline: ContinuousClock.Instant
  ) throws(PostgresError) {
    guard PQstatus(connection) != CONNECTION_BAD else { throw failure(of: connection, configuration) }
    var next = PGRES_POLLING_WRITING
    while next != PGRES_POLLING_OK {
      guard next != PGRES_POLLING_FAILED else { throw failure(of: connection, configuration) }
      let events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT
      guard waitUntilReady(PQsocket(connection), events, deadline) else {
        throw PostgresError(
          .connectFailed,
          "PostgreSQL at \(configuration.address) did not answer within \(configuration.connectTimeout); does it hang, or does a "
            + "firewall drop the packets?")
      }
      next = PQconnectPoll(connection)
    }
  }

  private static func failure(of connection: OpaquePointer, _ configuration: PostgresConfiguration) -> PostgresError {
    let lines = String(cString: PQerrorMessage(connection)).split(whereSeparator: \.isNewline)
      .filter { !$0.hasPrefix("LOCATION:") }
    let text = oneLine(lines.joined(separator: "\n"))
    let state = sqlState(in: text)
    if state?.hasPrefix(SQLState.invalidAuthorizationClass) == true || PQconnectionNeedsPassword(connection) == 1 {
      return PostgresError(
        .authenticationFailed, "PostgreSQL at \(configuration.address) did not let this user in: \(text)", sqlState: state)
    }
    if text.hasSuffix("Is the server running on that host and accepting TCP/IP connections?"), text.contains("refused") {
      return PostgresError(.connectFailed, "PostgreSQL at \(configuration.address) refused the connection; is it running?")
    }
    return PostgresError(.connectFailed, "no connection to PostgreSQL at \(configuration.address): \(text)", sqlState: state)
  }

  /// The code in `FATAL:  28P01: password authentication failed…`. The severity may be translated, the rest is not.
  private static func sqlState(in text: String) -> String? {
    text.firstMatch(of: #/:  ([0-9A-Z]{5}): /#).map { String($0.1) }
  }
}

/// Sleeps until the socket is ready for one of `events`; false once the deadline has passed.
func waitUntilReady(_ socket: CInt, _ events: CInt, _ deadline: ContinuousClock.Instant) -> Bool {
  var descriptor = pollfd(fd: socket, events: Int16(events), revents: 0)
  while true {
    let left = ContinuousClock.now.duration(to: deadline)
    guard left > .zero else { return false }
    let ready = poll(&descriptor, 1, left.milliseconds)
    if ready > 0 { return true }
    // Any failure but an interruption means that the socket is gone, which the next call on it reports.
    if ready < 0, errno != EINTR { return true }
  }
}
