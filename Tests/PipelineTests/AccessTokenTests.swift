import TestSupport
import Testing
import Ticketing

@testable import Pipeline

struct AccessTokenTests {
  private let authority = TokenAuthority(secret: Array(1...32))
  private let token = AccessToken(
    user: CustomerID(0x0123_4567_89AB_4DEF_8123_4567_89AB_CDEF), session: 7, role: .organiser,
    expiresAt: Timestamp(microseconds: 1_900_000_000_000_000))

  @Test func `a token that was issued is verified, with all it says`() {
    for role in User.Role.allCases {
      var token = token
      token.role = role
      #expect(authority.verify(authority.issue(token)) == token)
    }
    var generator = SeededGenerator(seed: 10)
    for _ in 0..<200 {
      let token = AccessToken(
        user: CustomerID(generator.number()), session: generator.number(), role: .customer, expiresAt: generator.time())
      #expect(authority.verify(authority.issue(token)) == token)
    }
  }

  @Test func `a part of a longer text is verified as well`() {
    #expect(authority.verify("Bearer \(authority.issue(token))".dropFirst(7)) == token)
  }

  @Test func `a token with any character changed, left out or added is refused`() {
    let issued = Array(authority.issue(token).utf8)
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\u{0}é".utf8)
    for index in issued.indices {
      for letter in letters where letter != issued[index] {
        var changed = issued
        changed[index] = letter
        #expect(authority.verify(String(decoding: changed, as: UTF8.self)) == nil, "\(index)")
      }
      var shorter = issued
      shorter.remove(at: index)
      #expect(authority.verify(String(decoding: shorter, as: UTF8.self)) == nil, "\(index)")
      #expect(authority.verify(String(decoding: issued[..<index], as: UTF8.self)) == nil, "\(index)")
      var longer = issued
      longer.insert(UInt8(ascii: "A"), at: index)
      #expect(authority.verify(String(decoding: longer, as: UTF8.self)) == nil, "\(index)")
    }
    #expect(authority.verify(String(decoding: issued, as: UTF8.self) + "A") == nil)
    #expect(authority.verify(String(decoding: issued, as: UTF8.self) + ".") == nil)
  }

  @Test func `a token of another secret is refused`() {
    #expect(TokenAuthority(secret: Array(2...33)).verify(authority.issue(token)) == nil)
    #expect(TokenAuthority(secret: Array(1...33)).verify(authority.issue(token)) == nil)
  }

  @Test(arguments: [
    "", ".", "..", "th1", "th1.", "th1..", "th1...", "th2.AAAA.AAAA", "TH1.AAAA.AAAA", "th1.AAAA", "th1.A.A", "th1.AAAA.",
    "th1..AAAA", "th1.====.====", "Bearer th1.AAAA.AAAA", "é.é.é", "\u{0}",
  ])
  func `what is no token is refused`(text: String) {
    #expect(authority.verify(text) == nil)
    #expect(authority.verify(text + String(repeating: "A", count: 100_000)) == nil)
  }

  @Test func `random texts are refused and never stop the process`() {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<20_000 {
      let bytes = Array("th1.".utf8) + generator.bytes(Int.random(in: 0...120, using: &generator))
      #expect(authority.verify(String(decoding: bytes, as: UTF8.self)) == nil)
    }
  }

  @Test func `a secret that is too short stops the process`() async {
    await #expect(processExitsWith: .failure) { _ = TokenAuthority(secret: Array(1...31)) }
  }

  @Test func `roles have the contract's names`() {
    #expect(User.Role.allCases.map(\.name) == ["customer", "organiser", "operator"])
    for role in User.Role.allCases { #expect(User.Role(name: role.name) == role) }
    for name in ["", "Customer", "operator_", "admin"] { #expect(User.Role(name: name) == nil) }
  }
}

struct Base64URLTests {
  /// Nil if the text is refused for so many bytes, which are as many as it can stand for, unless others are asked for.
  private func decoded(_ text: some Sequence<UInt8>, size: Int? = nil) -> [UInt8]? {
    let text = Array(text)
    var bytes = [UInt8](repeating: 0, count: size ?? text.count * 3 / 4)
    let isRight = bytes.withUnsafeMutableBytes { bytes in text.withUnsafeBytes { Base64URL.decode($0[...], into: bytes) } }
    return isRight ? bytes : nil
  }

  /// RFC 4648, 10, without the padding; and the two letters that are another alphabet's.
  @Test(arguments: [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
    ("\u{3F}\u{3F}\u{3E}", "Pz8-"), ("\u{3F}\u{3F}\u{3F}", "Pz8_"),
  ])
  func `the standard's examples are encoded and decoded`(plain: String, encoded: String) {
    #expect(Base64URL.encode(plain.utf8) == encoded)
    #expect(decoded(encoded.utf8) == Array(plain.utf8))
  }

  @Test func `all bytes come back`() {
    var generator = SeededGenerator(seed: 12)
    for count in 0..<300 {
      let bytes = generator.bytes(count)
      #expect(decoded(Base64URL.encode(bytes).utf8) == bytes)
    }
  }

  @Test func `every value has one spelling`() {
    var generator = SeededGenerator(seed: 13)
    let letters = Array("ABCZabcz0189-_=+/. ".utf8)
    var understood = 0
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...6, using: &generator)).map { _ in letters.randomElement(using: &generator)! }
      guard let bytes = decoded(text) else { continue }
      understood += 1
      #expect(Array(Base64URL.encode(bytes).utf8) == text)
    }
    #expect(understood > 100)
  }

  @Test(arguments: ["A", "AAAAA", "Zh", "Zm9=", "Zg==", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zé", "Zm9v."])
  func `anything else is refused`(text: String) {
    #expect(decoded(text.utf8) == nil)
  }

  @Test(arguments: ["", "Zg", "Zm8", "Zm9vYg"])
  func `a text for more or fewer bytes than are wanted is refused`(text: String) {
    #expect(decoded(text.utf8, size: 3) == nil)
  }
}
