import Foundation
import Glibc
import TestSupport

/// A connection on which a test says what it likes, HTTP or not.
public struct RawConnection: Sendable {
  private let socket: Int32

  /// - Parameters:
  ///   - receiveBuffer: how many bytes the system takes before anybody reads them; its own choice if nil.
  ///   - endsAbruptly: whether it is reset when it is closed, which leaves its port in use for nobody.
  public init(to port: Int, receiveBuffer: Int32? = nil, endsAbruptly: Bool = false) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    // A bound only: longer than any answer is held.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    if var receiveBuffer { setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size)) }
    if endsAbruptly {
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }
    guard connectToLoopback(socket, port: port) == 0 else {
      close(socket)
      throw Unexpected("no connection to port \(port): \(String(cString: strerror(errno)))")
    }
  }

  /// Says something, of which nothing may be left when the system's buffers are full.
  public func say(_ text: String) throws {
    let bytes = Array(text.utf8)
    guard send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      throw Unexpected("the connection took no more: \(String(cString: strerror(errno)))")
    }
  }

  /// Says something if there is room for it and anybody listens.
  public func trySaying(_ byte: UInt8) {
    withUnsafeBytes(of: byte) { _ = send(socket, $0.baseAddress, 1, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
  }

  /// Waits for the next bytes, and gives how many came: none if the other side has closed the connection.
  public func hear() -> Int {
    var bytes = [UInt8](repeating: 0, count: 1024)
    return max(0, recv(socket, &bytes, bytes.count, 0))
  }

  /// Whether the other side has neither closed the connection nor said anything that was not heard.
  public var isQuiet: Bool {
    var byte: UInt8 = 0
    return recv(socket, &byte, 1, Int32(MSG_DONTWAIT)) < 0 && errno == EAGAIN
  }

  public func end() { close(socket) }

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
