public import Ticketing

/// A person with an account. Customers' ids are users' ids.
public struct User: Hashable, Sendable {
  public enum Role: UInt8, Sendable, CaseIterable {
    case customer = 0, organiser = 1, operator_ = 2

    /// As the contract spells it.
    public var name: String {
      switch self {
      case .customer: "customer"
      case .organiser: "organiser"
      case .operator_: "operator"
      }
    }

    public init?(name: String) {
      guard let role = Self.allCases.first(where: { $0.name == name }) else { return nil }
      self = role
    }
  }

  public var id: CustomerID
  public var email: String
  public var name: String
  public var role: Role
  public var createdAt: Timestamp

  public init(id: CustomerID, email: String, name: String, role: Role, createdAt: Timestamp) {
    self.id = id
    self.email = email
    self.name = name
    self.role = role
    self.createdAt = createdAt
  }
}

/// Users and what the database knows of their sessions.
public protocol Accounts: Sendable {
  /// - Throws: ``AccountFailure/emailTaken`` if there is a user with this email, in whatever case.
  func register(_ account: NewAccount, role: User.Role) async throws(AccountFailure) -> User
  /// The user with this email and password, nil if there is none. Takes as long either way.
  func authenticate(email: String, password: String) async throws(AccountFailure) -> User?
  func user(_ id: CustomerID) async throws(AccountFailure) -> User?
  /// From now on the session is refused; `expiresAt` is when it would have ended anyway.
  func revoke(session: UInt128, expiresAt: Timestamp) async throws(AccountFailure)
  /// The sessions that were revoked at or after `time` (by the database's clock), and that clock's present time.
  func revokedSessions(since time: Timestamp) async throws(AccountFailure) -> (sessions: [UInt128], now: Timestamp)
}

/// What somebody registers with, found to be valid.
public struct NewAccount: Sendable {
  public var email: String
  public var password: String
  public var name: String

  public init(validEmail: String, validPassword: String, validName: String) {
    email = validEmail
    password = validPassword
    name = validName
  }
}

/// Why an account could not be used.
public enum AccountFailure: Error, Sendable {
  case emailTaken
  /// Too many passwords are being checked at once.
  case busy
  case unavailable(String)
}

/// A UUID of version 4 (RFC 9562, 5.4).
public func randomUUID() -> UInt128 {
  let versionAndVariant = UInt128(0xF000) << 64 | UInt128(0b11) << 62
  return .random(in: .min ... .max) & ~versionAndVariant | UInt128(0x4000) << 64 | UInt128(0b10) << 62
}
