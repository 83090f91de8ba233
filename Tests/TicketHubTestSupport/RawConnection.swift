import Foundation
import Glibc

/// A connection on which a test says what it likes, HTTP or not.
public struct RawConnection: Sendable {
  private let socket: Int32

  public init(to port: Int) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    // A bound only: longer than any answer is held.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard result == 0 else {
      close(socket)
      throw Unexpected("no connection to port \(port): \(String(cString: strerror(errno)))")
    }
  }

  /// All that comes until the other side closes the connection.
  public func answer(to text: String) async throws -> [UInt8] {
    let socket = socket
    return try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        defer { close(socket) }
        continuation.resume(with: Result { try Self.exchange(Array(text.utf8), on: socket) })
      }
    }
  }

  private static func exchange(_ text: [UInt8], on socket: Int32) throws -> [UInt8] {
    var sent = 0
    while sent < text.count {
      let count = text[sent...].withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      // Whoever has heard enough may answer and close before everything was said.
      if count < 0 { break }
      sent += count
    }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = recv(socket, &buffer, buffer.count, 0)
      if count == 0 || count < 0 && errno == ECONNRESET && !answer.isEmpty { return answer }
      guard count > 0 else { throw Unexpected("no answer: \(String(cString: strerror(errno)))") }
      answer += buffer[..<count]
    }
  }
}
