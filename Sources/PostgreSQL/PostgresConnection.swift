import BlockingThread
import Synchronization

/// One connection to PostgreSQL, on a thread of its own.
///
/// Calls are carried out one after the other, each within the configured times; the cancellation of their task does not interrupt
/// them. An error with the code `connectionLost` or `timedOut` means that the connection is closed for good; after any other it
/// can be used on.
public actor PostgresConnection {
  private let thread: BlockingThread
  private let session: Session
  private nonisolated let status = SessionStatus()
  private var transactionIsOpen = false

  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  private init(_ configuration: PostgresConfiguration) {
    thread = BlockingThread(name: "postgresql")
    session = Session(configuration, on: thread, status: status)
  }

  isolated deinit {
    session.close()
    thread.finish()
  }

  /// Connects, within the configuration's `connectTimeout`.
  ///
  /// Throws `connectFailed` or `authenticationFailed`.
  public static func connect(_ configuration: PostgresConfiguration) async throws(PostgresError) -> PostgresConnection {
    let connection = PostgresConnection(configuration)
    try await connection.open()
    return connection
  }

  private func open() throws(PostgresError) { try session.connect() }

  /// Whether the connection can still be used, as far as is known: the end of an idle connection is noticed when it comes.
  public nonisolated var isOpen: Bool { status.isOpen.load(ordering: .acquiring) }

  /// Whether the next user finds it as a fresh one: open, and no transaction left behind by a `BEGIN` in some text.
  nonisolated var isReusable: Bool { isOpen && !status.isInTransaction.load(ordering: .acquiring) }

  /// Carries out one statement, as a transaction of its own, in one round trip.
  public func query(_ query: PostgresQuery) async throws(PostgresError) -> PostgresRows {
    try run([.query(query)], inTransaction: false)[0]
  }

  /// Carries out all statements as one transaction, in one round trip. Gives each one's result.
  ///
  /// Throws the first error, of which `queryIndex` says whose it is; then none of the statements has had an effect.
  public func pipeline(_ queries: [PostgresQuery]) async throws(PostgresError) -> [PostgresRows] {
    try run(queries.map { .query($0) }, inTransaction: false)
  }

  /// Carries out a text of several commands, as one transaction unless it contains `BEGIN` or `COMMIT`: for migrations. Raise
  /// `queryTimeout` and `statementTimeout` of the configuration for long ones.
  public func execute(script: String) async throws(PostgresError) {
    try run(script: script, inTransaction: false)
  }

  /// Ends the connection, at once even if the server hangs. Calls after it throw `connectionLost`.
  public func close() async { session.close() }
}

// For `PostgresTransaction`, whose calls say that they belong to the open transaction.
extension PostgresConnection {
  func run(_ commands: [Command], inTransaction: Bool) throws(PostgresError) -> [PostgresRows] {
    checkOwner(inTransaction)
    return try session.run(commands)
  }

  func run(script: String, inTransaction: Bool) throws(PostgresError) {
    checkOwner(inTransaction)
    try session.run(script: script)
  }

  func begin(_ command: String) throws(PostgresError) {
    checkOwner(false)
    _ = try session.run([.text(command)])
    transactionIsOpen = true
  }

  /// Throws if the transaction turned out to be failed already, which the server does not call an error.
  func commit() throws(PostgresError) {
    transactionIsOpen = false
    let result = try session.run([.text("COMMIT")])
    guard result[0].commandTag == "COMMIT" else {
      throw PostgresError(
        .server, "the transaction was rolled back instead of committed, because a query in it had failed",
        sqlState: SQLState.failedTransaction)
    }
  }

  /// Undoes the transaction; closes the connection if that cannot be done. Harmless after a commit that failed.
  func rollBack() {
    transactionIsOpen = false
    guard isOpen, !isReusable else { return }
    do throws(PostgresError) { _ = try session.run([.text("ROLLBACK")]) } catch { session.close() }
  }

  /// A statement of another task that slipped into an open transaction would share its fate unseen.
  private func checkOwner(_ inTransaction: Bool) {
    precondition(
      transactionIsOpen == inTransaction,
      "a transaction is open on this connection: use the handle that its body was given, and another connection for other tasks")
  }
}
