extension StringProtocol {
  /// Calls `body` with the UTF-8, which lies in one piece in every text that comes from a request. Taken one by one through the string's
  /// view, its bytes take ten times as long.
  @inline(__always)
  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    utf8.withContiguousStorageIfAvailable(body) ?? Array(utf8).withUnsafeBufferPointer(body)
  }
}

extension Substring {
  /// The part of the text whose bytes are these.
  func part(_ bytes: Range<Int>) -> Substring {
    let start = utf8.index(utf8.startIndex, offsetBy: bytes.lowerBound)
    return Substring(utf8[start..<utf8.index(start, offsetBy: bytes.count)])
  }
}
