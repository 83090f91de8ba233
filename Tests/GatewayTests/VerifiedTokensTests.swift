import Pipeline
import Testing
import Ticketing

@testable import Gateway

struct VerifiedTokensTests {
  private let authority = TokenAuthority(secret: Array(1...32))
  private let tokens: VerifiedTokens

  init() { tokens = VerifiedTokens(authority: authority) }

  private func token(_ number: Int) -> AccessToken {
    AccessToken(user: CustomerID(UInt128(number)), session: 1, role: .customer, expiresAt: present)
  }

  @Test func `a token is the same each time, however many came between`() {
    let first = authority.issue(token(0))[...]
    for number in 0..<40_000 {
      #expect(tokens.verify(authority.issue(token(number))[...]) == token(number))
      if number % 1000 == 0 { #expect(tokens.verify(first) == token(0)) }
    }
    #expect(tokens.verify(authority.issue(token(1))[...]) == token(1))
  }

  @Test func `what was not issued is never taken, also beside what was`() {
    let right = authority.issue(token(1))
    #expect(tokens.verify(right[...]) != nil)
    for wrong in [right + "A", String(right.dropLast()), TokenAuthority(secret: Array(2...33)).issue(token(1)), ""] {
      for _ in 0..<2 { #expect(tokens.verify(wrong[...]) == nil) }
    }
  }
}
