import Logging
import NIOHTTP1
import Pipeline
import Ticketing

/// What operators do about commands that were set aside.
struct DeadLetterRoutes: Sendable {
  let authenticator: Authenticator
  let deadLetters: any DeadLetters
  let logger: Logger

  func add(to table: inout RouteTable) {
    table.on(.GET, "/v1/operations/dead-letters", list)
    table.on(.DELETE, "/v1/operations/dead-letters/{dead_letter_id}", discard)
    table.on(.POST, "/v1/operations/dead-letters/{dead_letter_id}/replay", replay)
  }

  @Sendable private func list(_ request: Request) async throws -> Response {
    _ = try operatorToken(of: request)
    let limit = try request.pageLimit()
    let mark = try request.cursor()
    let letters: [KeptDeadLetter]
    do throws(StoreUnavailable) {
      letters = try await deadLetters.list(after: mark, limit: limit + 1)
    } catch {
      throw Problem(.unavailable, "Dead letters can't be read at the moment.", retryAfter: 2)
    }
    let next = letters.count > limit ? letters[limit - 1].pageMark : nil
    return .json(page(letters.prefix(limit).map(\.json), next: next), headers: ["Cache-Control": "no-store"])
  }

  @Sendable private func replay(_ request: Request) async throws -> Response {
    let user = try operatorToken(of: request).user
    let id: DeadLetterID = try request.identifier("dead_letter_id")
    try await carryingOut { () async throws(DeadLetterFailure) in try await deadLetters.replay(id) }
    logger.notice("a dead letter was replayed", metadata: ["dead_letter": "\(id)", "operator": "\(user)"])
    return Response(status: .accepted)
  }

  @Sendable private func discard(_ request: Request) async throws -> Response {
    let user = try operatorToken(of: request).user
    let id: DeadLetterID = try request.identifier("dead_letter_id")
    try await carryingOut { () async throws(DeadLetterFailure) in try await deadLetters.discard(id) }
    logger.notice("a dead letter was discarded", metadata: ["dead_letter": "\(id)", "operator": "\(user)"])
    return Response(status: .noContent)
  }

  private func operatorToken(of request: Request) throws -> AccessToken {
    let token = try authenticator.user(of: request)
    guard token.role == .operator_ else { throw Problem(.forbidden, "This takes the role operator.") }
    return token
  }

  private func carryingOut(_ action: () async throws(DeadLetterFailure) -> Void) async throws {
    do throws(DeadLetterFailure) {
      try await action()
    } catch {
      switch error {
      case .unknown: throw Problem.notFound
      case .settled(let status): throw Problem(.conflict, "The dead letter is \(status.name) already.")
      case .unavailable(let reason):
        logger.warning("a dead letter can't be changed", metadata: ["reason": "\(reason)"])
        throw Problem(
          .unavailable, "This can't be done, or is not known to be done, at the moment. Repeating it is safe.", retryAfter: 2)
      }
    }
  }
}
