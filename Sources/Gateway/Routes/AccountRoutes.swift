import NIOHTTP1
import Pipeline
import Ticketing

/// Registering, signing in and out.
struct AccountRoutes: Sendable {
  let accounts: any Accounts
  let authenticator: Authenticator
  let limiter: RateLimiter

  func add(to table: inout RouteTable) {
    table.on(.POST, "/v1/users", register)
    table.on(.POST, "/v1/sessions", signIn)
    table.on(.DELETE, "/v1/sessions/current", signOut)
    table.on(.GET, "/v1/me", currentUser)
  }

  @Sendable private func register(_ request: Request) async throws -> Response {
    let limits = try await limiter.admit(accountOf: request)
    let account = try NewAccount(json: try request.json())
    do throws(AccountFailure) {
      return .json(try await accounts.register(account, role: .customer).json, status: .created, headers: limits)
    } catch {
      throw Problem(error)
    }
  }

  @Sendable private func signIn(_ request: Request) async throws -> Response {
    var headers = try await limiter.admit(accountOf: request)
    let errors = Body.Errors()
    let body = Body(try request.json(), keys: ["email", "password"], errors)
    let email = body?.string("email", length: 0...254)
    let password = body?.string("password", length: 0...128)
    guard errors.found.isEmpty, let email, let password else { throw Problem.invalid(errors.found) }
    let user: User?
    do throws(AccountFailure) {
      user = try await accounts.authenticate(email: email, password: password)
    } catch {
      throw Problem(error)
    }
    guard let user else { throw Problem(.invalidCredentials, "There is no account with this email and password.") }
    let (text, token) = authenticator.issue(for: user)
    var writer = JSONWriter()
    writer.object {
      $0.member("token", text)
      $0.member("expires_at", token.expiresAt)
      $0.object("user", user.write)
    }
    headers.add(name: "Cache-Control", value: "no-store")
    return .json(writer.bytes, status: .created, headers: headers)
  }

  @Sendable private func signOut(_ request: Request) async throws -> Response {
    try await authenticator.end(authenticator.user(of: request))
    return Response(status: .noContent)
  }

  @Sendable private func currentUser(_ request: Request) async throws -> Response {
    let token = try authenticator.user(of: request)
    let user: User?
    do throws(AccountFailure) {
      user = try await accounts.user(token.user)
    } catch {
      throw Problem(error)
    }
    // A database may be restored from before the user registered.
    guard let user else { throw Problem(.unauthenticated, "The session's user is gone.") }
    return .json(user.json)
  }
}
