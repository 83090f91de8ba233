import Glibc

/// One request and its answer, for what has to be known before requests are sent by the thousand.
struct Exchange {
  /// The status line and the header fields.
  private let head: String

  init(_ request: [UInt8], port: UInt16) throws(BenchFailure) { try self.init(request, on: Connection(port: port)) }

  init(_ request: [UInt8], on connection: Connection) throws(BenchFailure) {
    guard connection.send(request) else { throw BenchFailure("a request could not be sent") }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      var waiting = pollfd(fd: connection.socket, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 10_000) == 1, case let count = recv(connection.socket, &piece, piece.count, 0), count > 0 else {
        throw BenchFailure("a request had no answer")
      }
      bytes += piece[..<count]
      do {
        let head = try bytes.withUnsafeBytes { bytes in try ResponseReader.head(of: bytes) }
        if let head, bytes.count >= head.length { break }
      } catch {
        throw BenchFailure("an answer that is none of HTTP's")
      }
    }
    head = String(decoding: bytes, as: UTF8.self)
  }

  /// A header field's value.
  func field(_ name: String) -> String? {
    for line in head.split(separator: "\r\n", omittingEmptySubsequences: false).dropFirst() {
      if line.isEmpty { return nil }
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2, parts[0].lowercased() == name { return String(parts[1].drop { $0 == " " }) }
    }
    return nil
  }
}
