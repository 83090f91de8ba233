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

  private static let prefix = "th1."
  /// Has the key in it and nothing else yet: putting it in is as much work as a token.
  private let keyed: HMAC<SHA256>

  /// - Parameter secret: the same in all gateways; at least ``minimumSecretBytes`` bytes.
  public init(secret: [UInt8]) {
    precondition(secret.count >= Self.minimumSecretBytes, "a token secret of \(secret.count) bytes")
    keyed = HMAC(key: SymmetricKey(data: secret))
  }

  public func issue(_ token: AccessToken) -> String {
    var writer = ByteWriter(capacity: 41)
    writer.write(token.user.rawValue)
    writer.write(token.session)
    writer.write(token.role.rawValue)
    writer.write(token.expiresAt.microseconds)
    let signed = Self.prefix + Base64URL.encode(writer.bytes)
    return signed + "." + Base64URL.encode(code(of: Array(signed.utf8)[...]))
  }

  /// The token's claims; nil unless this authority issued it. Says nothing of its expiry or whether the session was ended.
  public func verify(_ text: some StringProtocol) -> AccessToken? {
    // Where they lie side by side, they are copied at once.
    let bytes = text.utf8.withContiguousStorageIfAvailable(Array.init) ?? Array(text.utf8)
    guard bytes.count < 256, bytes.starts(with: Self.prefix.utf8), let dot = bytes.lastIndex(of: UInt8(ascii: ".")),
      dot >= Self.prefix.utf8.count,
      let code = Base64URL.decode(bytes[(dot + 1)...]), let claims = Base64URL.decode(bytes[Self.prefix.utf8.count..<dot]),
      self.code(of: bytes[..<dot]) == code
    else { return nil }
    var reader = ByteReader(claims)
    do throws(CodingFailure) {
      let user = CustomerID(try reader.read())
      let session = try reader.read(UInt128.self)
      guard let role = User.Role(rawValue: try reader.read()) else { return nil }
      let expiresAt = Timestamp(microseconds: try reader.read())
      try reader.expectEnd()
      return AccessToken(user: user, session: session, role: role, expiresAt: expiresAt)
    } catch {
      return nil
    }
  }

  /// Equality with it takes the same time whichever bytes differ.
  private func code(of bytes: ArraySlice<UInt8>) -> HMAC<SHA256>.MAC {
    var code = keyed
    code.update(data: bytes)
    return code.finalize()
  }
}
