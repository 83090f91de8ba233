package import Pipeline
import Synchronization

/// Tokens whose signatures were found right lately. A customer polls with the same one again and again, and checking a signature costs
/// as much as all the rest of reading a request.
package final class VerifiedTokens: Sendable {
  private static let maximumTokens = 32_768

  private let authority: TokenAuthority
  private let known = Mutex(RecentlyUsed<SignedText, AccessToken>(maximumSize: maximumTokens))

  package init(authority: TokenAuthority) { self.authority = authority }

  /// As ``TokenAuthority/verify(_:)``.
  package func verify(_ text: Substring) -> AccessToken? {
    let text = SignedText(text)
    if let known = known.withLock({ $0.value(text) }) { return known }
    guard let token = authority.verify(text.text) else { return nil }
    known.withLock { $0.insert(token, as: text) }
    return token
  }
}

/// A token's text, which is found again by its end alone. That is the end of the signature: as good a hash as there is, and nobody can
/// choose it, since only what was signed here is kept. To hash all of it was half of what finding it cost. What is looked up and was
/// not signed here is compared in full with what was.
private struct SignedText: Hashable {
  let text: Substring
  private let end: UInt64

  init(_ text: Substring) {
    self.text = text
    end =
      text.utf8.withContiguousStorageIfAvailable { bytes in
        let bytes = UnsafeRawBufferPointer(bytes)
        let size = MemoryLayout<UInt64>.size
        return bytes.count < size ? 0 : bytes.loadUnaligned(fromByteOffset: bytes.count - size, as: UInt64.self)
      } ?? 0
  }

  func hash(into hasher: inout Hasher) { hasher.combine(end) }

  static func == (left: SignedText, right: SignedText) -> Bool { left.end == right.end && left.text == right.text }
}
