public import Pipeline
public import PostgreSQL
public import Ticketing

/// Users and ended sessions in PostgreSQL.
public struct PostgresAccounts: Accounts {
  private let pool: PostgresPool
  private let hasher: PasswordHasher
  private let now: @Sendable () -> Timestamp

  public init(_ pool: PostgresPool, hasher: PasswordHasher, now: @escaping @Sendable () -> Timestamp) {
    self.pool = pool
    self.hasher = hasher
    self.now = now
  }

  public func register(_ account: NewAccount, role: User.Role) async throws(AccountFailure) -> User {
    guard let hash = await hasher.hash(account.password) else { throw .busy }
    let user = User(
      id: CustomerID(randomUUID()), email: account.email, name: account.name, role: role, createdAt: now())
    do {
      _ = try await pool.query(
        PostgresQuery(
          Self.insert, .uuid(user.id.rawValue), .text(user.email), .text(user.email.lowercased()), .text(user.name),
          .int2(Int16(role.rawValue)), .text(hash), .timestamp(microsecondsSince1970: user.createdAt.microseconds)))
      return user
    } catch {
      if let error = error as? PostgresError, error.isUniqueViolation { throw .emailTaken }
      throw Self.failure(error)
    }
  }

  private static let insert = PostgresStatement(
    "user_insert",
    """
    INSERT INTO users (user_id, email, email_key, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
    """)

  public func authenticate(email: String, password: String) async throws(AccountFailure) -> User? {
    let found: (user: User, hash: String)?
    do {
      let rows = try await pool.query(PostgresQuery(Self.byEmail, .text(email.lowercased())))
      found = try rows.first.map { (try Self.user($0), try $0.text(5)) }
    } catch {
      throw Self.failure(error)
    }
    guard let matches = await hasher.verify(password, against: found?.hash) else { throw .busy }
    return matches ? found?.user : nil
  }

  /// The user with this email, for the command line.
  public func user(withEmail email: String) async throws(AccountFailure) -> User? {
    do {
      return try await pool.query(PostgresQuery(Self.byEmail, .text(email.lowercased()))).first.map(Self.user)
    } catch {
      throw Self.failure(error)
    }
  }

  private static let byEmail = PostgresStatement(
    "user_by_email", "SELECT user_id, email, name, role, created_at, password_hash FROM users WHERE email_key = $1")

  public func user(_ id: CustomerID) async throws(AccountFailure) -> User? {
    do {
      return try await pool.query(PostgresQuery(Self.byID, .uuid(id.rawValue))).first.map(Self.user)
    } catch {
      throw Self.failure(error)
    }
  }

  private static let byID = PostgresStatement(
    "user_by_id", "SELECT user_id, email, name, role, created_at FROM users WHERE user_id = $1")

  public func revoke(session: UInt128, expiresAt: Timestamp) async throws(AccountFailure) {
    do {
      _ = try await pool.pipeline([
        PostgresQuery(Self.insertRevoked, .uuid(session), .timestamp(microsecondsSince1970: expiresAt.microseconds)),
        PostgresQuery(Self.deleteEnded, .int8(Int64(TokenAuthority.lifetimeSeconds))),
      ])
    } catch {
      throw Self.failure(error)
    }
  }

  private static let insertRevoked = PostgresStatement(
    "session_revoke",
    "INSERT INTO revoked_sessions (session_id, revoked_at, expires_at) VALUES ($1, clock_timestamp(), $2) ON CONFLICT DO NOTHING")

  /// Those that were revoked longer ago than any session lasts: they are found by an index.
  private static let deleteEnded = PostgresStatement(
    "session_delete_ended",
    "DELETE FROM revoked_sessions WHERE revoked_at < now() - $1::bigint * interval '1 second' AND expires_at < now()")

  public func revokedSessions(since time: Timestamp) async throws(AccountFailure) -> (sessions: [UInt128], now: Timestamp) {
    do {
      let rows = try await pool.pipeline([
        PostgresQuery(Self.databaseTime),
        PostgresQuery(Self.revokedSince, .timestamp(microsecondsSince1970: time.microseconds)),
      ])
      let now = Timestamp(microseconds: try rows[0].first?.timestamp(0) ?? time.microseconds)
      return (try rows[1].map { try $0.uuid(0) }, now)
    } catch {
      throw Self.failure(error)
    }
  }

  private static let databaseTime = PostgresStatement("database_time", "SELECT clock_timestamp()")

  private static let revokedSince = PostgresStatement(
    "sessions_revoked_since", "SELECT session_id FROM revoked_sessions WHERE revoked_at >= $1")

  private static func user(_ row: PostgresRow) throws(PostgresError) -> User {
    User(
      id: CustomerID(try row.uuid(0)), email: try row.text(1), name: try row.text(2),
      role: User.Role(rawValue: UInt8(try row.int2(3))) ?? .customer, createdAt: Timestamp(microseconds: try row.timestamp(4)))
  }

  private static func failure(_ error: any Error) -> AccountFailure {
    .unavailable((error as? PostgresError)?.message ?? "\(error)")
  }
}
