import CPostgreSQL
import Glibc

extension Session {
  /// An answer to expect from the server, in the order of what was sent.
  enum Answer {
    /// Of preparing a statement for the command with this index.
    case preparation(PreparedStatements.Key, name: String, Int)
    /// Of the command with this index.
    case rows(Int)

    var index: Int {
      switch self {
      case .preparation(_, _, let index), .rows(let index): index
      }
    }
  }

  /// Queues the commands and the Sync, and before each statement's first use its preparation.
  func send(_ commands: [Command], on connection: OpaquePointer) throws(PostgresError) -> [Answer] {
    // Before the first of them is sent: libpq sends what it has as soon as that is some kilobytes, and a process that is stopped between
    // two statements leaves the rows locked that the first one wrote.
    let parameters = commands.map { ParameterBuffer($0.values) }
    var answers: [Answer] = []
    var preparing: [PreparedStatements.Key: String] = [:]
    for (index, command) in commands.enumerated() {
      let sent: CInt
      switch command {
      case .text(let sql, let values):
        let types = values.map(\.type.rawValue)
        sent = parameters[index].withPointers { values, lengths, formats in
          PQsendQueryParams(connection, sql, CInt(values.count), types, values, lengths, formats, 1)
        }
      case .query(let query):
        let types = query.parameters.map(\.type.rawValue)
        let key = PreparedStatements.Key(statement: query.statement, types: types)
        let name: String
        if let known = prepared.name(of: key) ?? preparing[key] {
          name = known
        } else {
          name = prepared.newName(for: query.statement)
          let prepare = PQsendPrepare(connection, name, query.statement.sql.description, CInt(types.count), types)
          guard prepare == 1 else { throw lost(connection) }
          preparing[key] = name
          answers.append(.preparation(key, name: name, index))
        }
        sent = parameters[index].withPointers { values, lengths, formats in
          PQsendQueryPrepared(connection, name, CInt(values.count), values, lengths, formats, 1)
        }
      }
      guard sent == 1 else { throw lost(connection) }
      answers.append(.rows(index))
    }
    guard PQpipelineSync(connection) == 1 else { throw lost(connection) }
    return answers
  }

  /// The next result of the current command; nil at its end.
  func nextResult(_ connection: OpaquePointer, _ deadline: ContinuousClock.Instant) throws(PostgresError) -> PostgresResult? {
    while PQisBusy(connection) == 1 { try exchange(connection, deadline) }
    if let result = PQgetResult(connection) { return PostgresResult(owning: result) }
    guard PQstatus(connection) == CONNECTION_OK else { throw lost(connection) }
    return nil
  }

  /// The next result; nil once the answer to the Sync has come. An error among the results is followed by a NULL of its own.
  func nextResultBeforeSync(
    _ connection: OpaquePointer, _ deadline: ContinuousClock.Instant
  ) throws(PostgresError) -> PostgresResult? {
    for _ in 0..<2 {
      guard let result = try nextResult(connection, deadline) else { continue }
      return result.status == PGRES_PIPELINE_SYNC ? nil : result
    }
    // Two ends in a row: libpq waits for nothing any more, so the Sync's answer would never come.
    throw lost(connection)
  }

  /// Sends what is queued and reads what has come, after waiting for either to be possible. Both at once, for a server that
  /// cannot get rid of its answers reads no more queries.
  private func exchange(_ connection: OpaquePointer, _ deadline: ContinuousClock.Instant) throws(PostgresError) {
    let unsent = PQflush(connection)
    guard unsent >= 0 else { throw lost(connection) }
    guard waitUntilReady(PQsocket(connection), unsent == 0 ? POLLIN : POLLIN | POLLOUT, deadline) else {
      close()
      throw PostgresError(
        .timedOut,
        "PostgreSQL at \(configuration.address) did not answer within \(configuration.queryTimeout); the connection was closed, "
          + "and whether the query took effect is unknown")
    }
    guard PQconsumeInput(connection) == 1 else { throw lost(connection) }
  }

  /// Notes the error that the server answered a command with, unless there was one before. Throws it at once if nothing more is
  /// to be expected from the connection.
  func keepFirst(
    _ failure: inout PostgresError?, errorIn result: PostgresResult, of command: Command? = nil, _ index: Int? = nil
  ) throws(PostgresError) {
    switch result.status {
    case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
      close()
      throw PostgresError(.server, "this client does not speak COPY; the connection was closed", sqlState: "0A000")
    default: break
    }
    var error = result.error()
    error.statement = command?.name
    error.queryIndex = index
    if error.isStaleStatement, case .query(let query) = command { prepared.forget(query.statement) }
    if error.code == .connectionLost {
      close()
      throw error
    }
    if failure == nil { failure = error }
  }

  /// Closes the connection and says why it is lost.
  func lost(_ connection: OpaquePointer) -> PostgresError {
    let reason = oneLine(String(cString: PQerrorMessage(connection)))
    close()
    return PostgresError(
      .connectionLost,
      "the connection to PostgreSQL at \(configuration.address) ended: \(reason.isEmpty ? "no reason given" : reason)")
  }
}
