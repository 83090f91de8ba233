import Crypto

extension ByteWriter {
  /// The SHA-256 of what was written.
  var sha256: SHA256.Digest {
    withBytes { bytes in
      var hash = SHA256()
      hash.update(bufferPointer: bytes)
      return hash.finalize()
    }
  }
}
