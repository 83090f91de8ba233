/// What a transaction sees of the others.
public enum PostgresIsolation: Sendable, Hashable {
  /// Each query sees what was committed before it.
  case readCommitted
  /// All queries see what was committed before the first. A conflicting write throws `isSerializationFailure`.
  case repeatableRead
}

/// An open transaction; see ``PostgresConnection/transaction(isolation:readOnly:_:)``. It is of use inside that call only.
// It would be ~Copyable, but then Swift 6.3.1's optimizer crashes on `transaction` (GenericSpecializer, forwarding ownership).
public struct PostgresTransaction: Sendable {
  private let connection: PostgresConnection

  fileprivate init(on connection: PostgresConnection) { self.connection = connection }

  /// Carries out one statement, in one round trip. After an error the transaction can only be rolled back.
  public func query(_ query: PostgresQuery) async throws(PostgresError) -> PostgresRows {
    try await connection.run([.query(query)], inTransaction: true)[0]
  }

  /// Carries out all statements in one round trip. Throws the first error.
  public func pipeline(_ queries: [PostgresQuery]) async throws(PostgresError) -> [PostgresRows] {
    try await connection.run(queries.map { .query($0) }, inTransaction: true)
  }

  /// Carries out a text of several commands, none of which may end the transaction.
  public func execute(script: String) async throws(PostgresError) {
    try await connection.run(script: script, inTransaction: true)
  }

  /// Reads the result of a `SELECT` of any size, `chunk` rows at a time, through a cursor: memory and the timeouts of
  /// the configuration are per chunk.
  public func forEachRow(
    _ query: PostgresQuery, chunk: Int, _ body: (PostgresRows) async throws -> Void
  ) async throws {
    precondition(chunk > 0, "a chunk has at least one row")
    let cursor = "rows_of_\(query.statement)"
    // All rows are going to be read, so the plan should not be the one that gives the first row soonest.
    let declare = [
      Command.text("SET LOCAL cursor_tuple_fraction = 1"),
      .text("DECLARE \"\(cursor)\" NO SCROLL CURSOR FOR \(query.statement.sql)", query.parameters),
    ]
    _ = try await connection.run(declare, inTransaction: true)
    while true {
      let rows = try await connection.run([.text("FETCH \(chunk) FROM \"\(cursor)\"")], inTransaction: true)[0]
      if !rows.isEmpty { try await body(rows) }
      if rows.count < chunk { break }
    }
    _ = try await connection.run([.text("CLOSE \"\(cursor)\"")], inTransaction: true)
  }
}

extension PostgresConnection {
  /// Runs `body` inside a transaction, for work that cannot be one pipeline: it costs a round trip for each step, and locks are
  /// held meanwhile. Commits when `body` returns. Rolls back when it throws or when the task is cancelled by then.
  ///
  /// While it is open, only the handle that `body` is given may be used, and not the connection: that stops the process.
  public nonisolated func transaction<R>(
    isolation: PostgresIsolation = .readCommitted, readOnly: Bool = false,
    _ body: (PostgresTransaction) async throws -> R
  ) async throws -> R {
    let level = isolation == .readCommitted ? "READ COMMITTED" : "REPEATABLE READ"
    try await begin("BEGIN ISOLATION LEVEL \(level) \(readOnly ? "READ ONLY" : "READ WRITE")")
    do {
      let result = try await body(PostgresTransaction(on: self))
      try Task.checkCancellation()
      try await commit()
      return result
    } catch {
      await rollBack()
      throw error
    }
  }

  /// Reads the result of a `SELECT` of any size, `chunk` rows at a time: memory and timeouts are per chunk. The rows are those of
  /// one moment, and a read-only transaction is open meanwhile.
  public nonisolated func forEachRow(
    _ query: PostgresQuery, chunk: Int, _ body: (PostgresRows) async throws -> Void
  ) async throws {
    try await transaction(readOnly: true) { transaction in try await transaction.forEachRow(query, chunk: chunk, body) }
  }
}
