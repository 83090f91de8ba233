import Testing

@testable import bench

@Suite struct `Reading answers` {
  private func head(_ text: String) throws -> ResponseReader.Head? {
    try Array(text.utf8).withUnsafeBytes { bytes in try ResponseReader.head(of: bytes) }
  }

  @Test func `an answer is its status and its length with the body`() throws {
    let text = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello"
    #expect(try head(text) == .init(status: 202, length: text.utf8.count))
  }

  @Test func `names of fields are in upper or lower case`() throws {
    #expect(try head("HTTP/1.1 503 X\r\ncontent-length:0\r\n\r\n")?.status == 503)
    #expect(try head("HTTP/1.0 200 OK\r\nCONTENT-LENGTH:   12  \r\n\r\n")?.length == 43 + 12)
  }

  @Test func `nothing is said of an answer before its header is complete`() throws {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    for length in 0..<text.utf8.count { #expect(try head(String(decoding: text.utf8.prefix(length), as: UTF8.self)) == nil) }
    #expect(try head(text) == .init(status: 200, length: text.utf8.count + 3))
  }

  @Test func `some answers have no body`() throws {
    for status in [204, 304] {
      let text = "HTTP/1.1 \(status) X\r\nETag: \"1\"\r\n\r\n"
      #expect(try head(text + "HTTP/1.1 200 OK")?.length == text.utf8.count)
    }
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
  ])
  func `what can't be measured is refused`(_ text: String) {
    #expect(throws: ResponseReader.Malformed.self) { try head(text) }
  }
}
