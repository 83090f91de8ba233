import Foundation
import Glibc

/// A socket that listens on a free port of loopback, for what a real Redis does not do.
final class Listener: Sendable {
  let port: Int
  private let socket: CInt

  struct Failure: Error {}

  /// - Parameter backlog: How many connections (and one) the system accepts before it drops those that ask.
  init(backlog: CInt) throws {
    let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listens = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, length) == 0 && listen(socket, backlog) == 0 && getsockname(socket, $0, &length) == 0
      }
    }
    self.socket = socket
    port = Int(UInt16(bigEndian: address.sin_port))
    guard listens else { throw Failure() }
  }

  deinit { close(socket) }

  /// A connection that is made or still waits.
  func connectWithoutWaiting() -> CInt {
    let client = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    _ = fcntl(client, F_SETFL, O_NONBLOCK)
    var address = Self.loopback(port: port)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    return client
  }

  /// Accepts the next connection, reads what it says first, answers, and closes it when the other side has.
  func answerNext(with text: String) {
    Thread.detachNewThread { [self] in
      let client = accept(socket, nil, nil)
      guard client >= 0 else { return }
      defer { close(client) }
      var bytes = [UInt8](repeating: 0, count: 4096)
      guard recv(client, &bytes, bytes.count, 0) > 0 else { return }
      // As often as a pipeline may ask.
      let answer = Array(String(repeating: text, count: 4).utf8)
      _ = send(client, answer, answer.count, CInt(MSG_NOSIGNAL))
      while recv(client, &bytes, bytes.count, 0) > 0 {}
    }
  }

  private static func loopback(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
    return address
  }
}
