import Crypto
public import Ticketing

/// What a bearer token says: who, in which session, in which role, until when. Every gateway can check it by itself.
public struct AccessToken: Hashable, Sendable {
  public var user: CustomerID
  /// Names the session, so that it can be ended before its time.
  public var session: UInt128
  public var role: User.Role
  public var expiresAt: Timestamp

  public init(user: CustomerID, session: UInt128, role: User.Role, expiresAt: Timestamp) {
    self.user = user
    self.session = session
    self.role = role
    self.expiresAt = expiresAt
  }
}

/// Issues and checks bearer tokens: `th1.<claims>.<HMAC-SHA256 over all before the last dot>`, both parts in base64url.
public struct TokenAuthority: Sendable {
  /// How long a session lasts.
  public static let lifetimeSeconds = 24 * 60 * 60
  /// The shortest secret that is taken, in bytes: as long as the hash.
  public static let minimumSecretBytes = 32

  private static let prefix = Array("th1.".utf8)
  /// In bytes. Both are always as many, and so are their letters.
  private static let (claimsSize, codeSize) = (41, 32)
  /// Has the key in it and nothing else yet: putting it in is as much work as a token.
  private let keyed: HMAC<SHA256>

  /// - Parameter secret: the same in all gateways; at least ``minimumSecretBytes`` bytes.
  public init(secret: [UInt8]) {
    precondition(secret.count >= Self.minimumSecretBytes, "a token secret of \(secret.count) bytes")
    keyed = HMAC(key: SymmetricKey(data: secret))
  }

  public func issue(_ token: AccessToken) -> String {
    var writer = ByteWriter(capacity: Self.claimsSize)
    writer.write(token.user.rawValue)
    writer.write(token.session)
    writer.write(token.role.rawValue)
    writer.write(token.expiresAt.microseconds)
    let signed = Self.prefix + Base64URL.encode(writer.bytes).utf8
    let code = signed.withUnsafeBytes(code(of:))
    return String(decoding: signed, as: UTF8.self) + "." + Base64URL.encode(code)
  }

  /// The token's claims; nil unless this authority issued it. Says nothing of its expiry or whether the session was ended.
  // Inlinable, so that it is compiled for the text at hand, whose bytes are then read where they lie.
  @inlinable
  public func verify(_ text: some StringProtocol) -> AccessToken? {
    text.utf8.withContiguousStorageIfAvailable { verify(bytes: $0) }
      ?? Array(text.utf8).withUnsafeBufferPointer { verify(bytes: $0) }
  }

  @usableFromInline func verify(bytes: UnsafeBufferPointer<UInt8>) -> AccessToken? {
    let dot = Self.prefix.count + Base64URL.length(ofBytes: Self.claimsSize)
    guard bytes.count == dot + 1 + Base64URL.length(ofBytes: Self.codeSize), bytes.starts(with: Self.prefix),
      bytes[dot] == UInt8(ascii: ".")
    else { return nil }
    let letters = UnsafeRawBufferPointer(bytes)
    return withUnsafeTemporaryAllocation(byteCount: Self.claimsSize + Self.codeSize, alignment: 1) { room in
      let claims = UnsafeMutableRawBufferPointer(rebasing: room[..<Self.claimsSize])
      let code = UnsafeMutableRawBufferPointer(rebasing: room[Self.claimsSize...])
      // Equality with a code takes the same time whichever bytes differ.
      guard Base64URL.decode(letters[(dot + 1)...], into: code), Base64URL.decode(letters[Self.prefix.count..<dot], into: claims),
        self.code(of: UnsafeRawBufferPointer(rebasing: letters[..<dot])) == UnsafeRawBufferPointer(code)
      else { return nil }
      return AccessToken(claims: UnsafeRawBufferPointer(claims))
    }
  }

  private func code(of bytes: UnsafeRawBufferPointer) -> HMAC<SHA256>.MAC {
    var code = keyed
    code.update(data: bytes)
    return code.finalize()
  }
}

extension AccessToken {
  /// Reads what ``TokenAuthority/issue(_:)`` writes.
  fileprivate init?(claims: UnsafeRawBufferPointer) {
    func number<Number: FixedWidthInteger & BitwiseCopyable>(at position: Int, _ type: Number.Type) -> Number {
      Number(bigEndian: claims.loadUnaligned(fromByteOffset: position, as: Number.self))
    }
    guard let role = User.Role(rawValue: claims[32]) else { return nil }
    self.init(
      user: CustomerID(number(at: 0, UInt128.self)), session: number(at: 16, UInt128.self), role: role,
      expiresAt: Timestamp(microseconds: number(at: 33, Int64.self)))
  }
}
