package import Pipeline
import Synchronization

/// Tokens whose signatures were found right lately. A customer polls with the same one again and again, and checking a signature costs
/// as much as all the rest of reading a request.
package final class VerifiedTokens: Sendable {
  private static let maximumTokens = 32_768

  /// When the younger half is full, the older one is dropped: what is in use is found in it before and moves up.
  private struct Halves {
    var younger: [Substring: AccessToken] = [:]
    var older: [Substring: AccessToken] = [:]

    mutating func token(_ text: Substring) -> AccessToken? {
      if let token = younger[text] { return token }
      guard let token = older[text] else { return nil }
      insert(token, as: text)
      return token
    }

    mutating func insert(_ token: AccessToken, as text: Substring) {
      if younger.count >= VerifiedTokens.maximumTokens / 2 {
        older = younger
        younger = [:]
      }
      younger[text] = token
    }
  }

  private let authority: TokenAuthority
  private let halves = Mutex(Halves())

  package init(authority: TokenAuthority) { self.authority = authority }

  /// As ``TokenAuthority/verify(_:)``.
  package func verify(_ text: Substring) -> AccessToken? {
    if let known = halves.withLock({ $0.token(text) }) { return known }
    guard let token = authority.verify(text) else { return nil }
    halves.withLock { $0.insert(token, as: text) }
    return token
  }
}
