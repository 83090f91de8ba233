import Logging
import Pipeline
import ServiceLifecycle
import Ticketing

/// Tells who sends a request, from its bearer token alone; the database is asked only which sessions were ended.
final class Authenticator: Service {
  /// How often ended sessions are looked up: a sign-out is known to all gateways within this and a query's time.
  private static let interval = Duration.milliseconds(400)
  /// A look-up goes so far back behind the last, for sign-outs whose transactions took their time.
  private static let overlapSeconds = -5

  private let authority: TokenAuthority
  private let verified: VerifiedTokens
  private let accounts: any Accounts
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let ended: EndedSessions

  init(authority: TokenAuthority, accounts: any Accounts, now: @escaping @Sendable () -> Timestamp, logger: Logger) {
    self.authority = authority
    verified = VerifiedTokens(authority: authority)
    self.accounts = accounts
    self.now = now
    self.logger = logger
    ended = EndedSessions(now: now())
  }

  /// Keeps up with ended sessions.
  func run() async throws {
    var since = Timestamp(microseconds: 0)
    var isAway = false
    while !Task.isShuttingDownGracefully && !Task.isCancelled {
      do {
        let (sessions, time) = try await accounts.revokedSessions(since: since)
        if !sessions.isEmpty { ended.insert(sessions, now: now()) }
        since = time.adding(seconds: Self.overlapSeconds)
        isAway = false
      } catch {
        // Sign-outs need the same database, so none is missed while it is away.
        if !isAway { logger.warning("ended sessions can't be looked up", metadata: ["reason": "\(error)"]) }
        isAway = true
      }
      await cancelWhenGracefulShutdown { try? await Task.sleep(for: Self.interval) }
    }
  }

  /// Who signed in.
  /// - Throws: `401` without a valid token.
  func user(of request: Request) throws -> AccessToken {
    guard let header = request.fields.authorization else {
      throw Problem(.unauthenticated, "Send the token of a session as Authorization: Bearer.")
    }
    guard let text = Self.bearer(header), let token = verified.verify(text), token.expiresAt > now(),
      !ended.contains(token.session)
    else { throw Problem(.unauthenticated, "The session is unknown or over.") }
    return token
  }

  /// The token of `Bearer …`, whose name may be in any case (RFC 9110, 11.1).
  private static func bearer(_ header: String) -> Substring? {
    let token = header.withBytes { bytes -> Range<Int>? in
      // As names of header fields are compared.
      guard bytes.starts(with: "bearer ".utf8, by: { $0 | 0x20 == $1 }) else { return nil }
      let start = bytes.dropFirst(7).firstIndex { $0 != UInt8(ascii: " ") } ?? bytes.count
      return start..<bytes.count
    }
    return token.map(header[...].part)
  }

  /// Who signed in, if anybody did. A token that is sent must be valid all the same.
  func optionalUser(of request: Request) throws -> AccessToken? {
    request.fields.authorization == nil ? nil : try user(of: request)
  }

  func issue(for user: User) -> (text: String, token: AccessToken) {
    let token = AccessToken(
      user: user.id, session: .random(in: .min ... .max), role: user.role,
      expiresAt: now().adding(seconds: TokenAuthority.lifetimeSeconds))
    return (authority.issue(token), token)
  }

  /// Ends a session: here at once, in other gateways within a second.
  func end(_ token: AccessToken) async throws {
    do {
      try await accounts.revoke(session: token.session, expiresAt: token.expiresAt)
    } catch {
      throw Problem(error)
    }
    ended.insert([token.session], now: now())
  }
}

extension Problem {
  init(_ failure: AccountFailure) {
    switch failure {
    case .emailTaken: self.init(.emailTaken, "There is an account with this email already.")
    case .busy: self.init(.overloaded, "Too many people are signing in at once.", retryAfter: 2)
    case .unavailable: self.init(.unavailable, "Accounts can't be reached at the moment.", retryAfter: 2)
    }
  }
}
