import BlockingThread
import CPostgreSQL
import Glibc
import Synchronization

/// What to send: a prepared statement with its parameters, or a text that is used once.
enum Command {
  case query(PostgresQuery)
  case text(String, [PostgresValue] = [])

  /// Its parameters.
  var values: [PostgresValue] {
    switch self {
    case .query(let query): query.parameters
    case .text(_, let values): values
    }
  }

  /// How errors call it.
  var name: String {
    switch self {
    case .query(let query): query.statement.description
    case .text(let sql, _): sql
    }
  }
}

/// What other threads may ask about a connection without entering its thread.
final class SessionStatus: Sendable {
  let isOpen = Atomic(false)
  /// Whether the server was left with a transaction open by the last call.
  let isInTransaction = Atomic(false)
}

/// Owns a `PGconn` in pipeline mode and uses it on one thread only, as libpq's documentation demands under "Behavior in Threaded
/// Programs": "no two threads attempt to manipulate the same PGconn object at the same time".
///
/// Every function returns within the configured times. libpq writes with `MSG_NOSIGNAL`, so a server that is gone raises no
/// `SIGPIPE`.
final class Session {
  let configuration: PostgresConfiguration
  var prepared = PreparedStatements()
  private let thread: BlockingThread
  private let status: SessionStatus
  /// Nil before ``connect()`` and once closed.
  private var connection: OpaquePointer?

  /// A session that is not connected yet. All its functions are to be called on `thread`.
  init(_ configuration: PostgresConfiguration, on thread: BlockingThread, status: SessionStatus) {
    (self.configuration, self.thread, self.status) = (configuration, thread, status)
  }

  deinit { precondition(connection == nil, "a connection to PostgreSQL was dropped before it was closed") }

  /// To be called once.
  func connect() throws(PostgresError) {
    let connection = try Connecting.connect(configuration)
    self.connection = connection
    status.isOpen.store(true, ordering: .releasing)
    // So that the end of an idle connection is noticed when it happens, and not by the next query.
    thread.watch(PQsocket(connection), every: .seconds(60)) { [weak self] in self?.readWhileIdle() }
  }

  /// Ends the connection. The farewell to the server goes only as far as it does without waiting. Harmless on a closed one.
  func close() {
    guard let connection else { return }
    thread.unwatch()
    PQfinish(connection)
    self.connection = nil
    status.isOpen.store(false, ordering: .releasing)
  }

  /// Sends all commands and one Sync, and gives each command's result. Outside of a transaction block the commands are one
  /// transaction, and the Sync commits it.
  func run(_ commands: [Command]) throws(PostgresError) -> [PostgresRows] {
    let connection = try openConnection()
    let deadline = ContinuousClock.now + configuration.queryTimeout
    let answers = try send(commands, on: connection)
    var rows: [PostgresRows] = []
    rows.reserveCapacity(commands.count)
    var failure: PostgresError?
    for answer in answers {
      while let result = try nextResult(connection, deadline) {
        switch (result.status, answer) {
        case (PGRES_COMMAND_OK, .preparation(let key, let name, _)): prepared.insert(key, name: name)
        case (PGRES_COMMAND_OK, .rows(let index)), (PGRES_TUPLES_OK, .rows(let index)), (PGRES_EMPTY_QUERY, .rows(let index)):
          rows.append(PostgresRows(result, of: commands[index].name))
        case (PGRES_PIPELINE_ABORTED, _): break
        default: try keepFirst(&failure, errorIn: result, of: commands[answer.index], answer.index)
        }
      }
    }
    // The commit itself may fail, by a deferred constraint for one. Its error comes before the Sync's own answer.
    while let result = try nextResultBeforeSync(connection, deadline) { try keepFirst(&failure, errorIn: result) }
    noteTransactionStatus(connection)
    if let failure { throw failure }
    return rows
  }

  /// Runs a text of several commands by the simple protocol, which pipeline mode does not know.
  func run(script: String) throws(PostgresError) {
    precondition(!script.utf8.contains(0), "a NUL character would silently end the script")
    let connection = try openConnection()
    let deadline = ContinuousClock.now + configuration.queryTimeout
    guard PQexitPipelineMode(connection) == 1, PQsendQuery(connection, script) == 1 else { throw lost(connection) }
    var failure: PostgresError?
    while let result = try nextResult(connection, deadline) {
      switch result.status {
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: break
      default: try keepFirst(&failure, errorIn: result)
      }
    }
    guard PQenterPipelineMode(connection) == 1 else { throw lost(connection) }
    noteTransactionStatus(connection)
    if let failure { throw failure }
  }

  private func openConnection() throws(PostgresError) -> OpaquePointer {
    if let connection { return connection }
    throw PostgresError(
      .connectionLost, "the connection to PostgreSQL at \(configuration.address) was closed before this call; take a new one")
  }

  private func noteTransactionStatus(_ connection: OpaquePointer) {
    status.isInTransaction.store(PQtransactionStatus(connection) != PQTRANS_IDLE, ordering: .releasing)
  }

  /// Reads what the server sends unasked: notices, which go to the log, and its end.
  private func readWhileIdle() {
    guard let connection else { return }
    let isAlive = PQconsumeInput(connection) == 1
    _ = PQisBusy(connection)  // takes the notices out of what was read
    if !isAlive { close() }
  }
}
