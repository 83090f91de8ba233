import Glibc

/// Finds the answers in what a connection received: their status and their end, and nothing else of them. It runs once a request on the
/// machine that is measured, so it looks at each byte of a header once and copies nothing.
enum ResponseReader {
  struct Head: Equatable {
    var status: UInt16
    /// Of the whole answer, with its body, in bytes.
    var length: Int
  }

  struct Malformed: Error {}

  /// The answer that the bytes begin with, as soon as its header is complete; nil before.
  static func head(of bytes: UnsafeRawBufferPointer) throws(Malformed) -> Head? {
    guard bytes.count >= 12, let start = bytes.baseAddress else { return nil }
    guard isHTTP1(bytes) else { throw Malformed() }
    var status: UInt16 = 0
    for digit in bytes[9..<12] {
      guard 48...57 ~= digit else { throw Malformed() }
      status = status * 10 + UInt16(digit - 48)
    }
    var bodyLength: Int?
    var line = 0
    while let end = memchr(start + line, 10, bytes.count - line).map({ UnsafeRawPointer($0) - start }) {
      let next = end + 1
      // An empty line ends the header.
      if end - line <= 1 { return Head(status: status, length: next + (try length(status, bodyLength))) }
      // "content-length: 0\r"
      if end - line >= 17, bytes[line] | 0x20 == UInt8(ascii: "c"), isContentLength(start + line) {
        bodyLength = try number(bytes[(line + 15)..<end])
      }
      line = next
    }
    return nil
  }

  private static func isHTTP1(_ bytes: UnsafeRawBufferPointer) -> Bool {
    "HTTP/1.".utf8.elementsEqual(bytes[..<7])
  }

  /// An answer in chunks, or one that only the connection's end completes, is none that is measured here.
  private static func length(_ status: UInt16, _ stated: Int?) throws(Malformed) -> Int {
    if status == 204 || status == 304 { return 0 }
    guard let stated else { throw Malformed() }
    return stated
  }

  private static func isContentLength(_ line: UnsafeRawPointer) -> Bool {
    strncasecmp(line.assumingMemoryBound(to: CChar.self), "content-length:", 15) == 0
  }

  private static func number(_ bytes: Slice<UnsafeRawBufferPointer>) throws(Malformed) -> Int {
    var number: Int?
    for byte in bytes where byte != 32 && byte != 13 {
      guard 48...57 ~= byte, number ?? 0 < 1 << 40 else { throw Malformed() }
      number = (number ?? 0) * 10 + Int(byte - 48)
    }
    guard let number else { throw Malformed() }
    return number
  }
}
