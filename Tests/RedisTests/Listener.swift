import Foundation
import Glibc
import TestSupport

/// A socket that listens on a free port of loopback, for what a real Redis does not do.
final class Listener: Sendable {
  let port: Int
  private let socket: CInt

  struct Failure: Error {}

  /// - Parameter backlog: How many connections (and one) the system accepts before it drops those that ask.
  init(backlog: CInt) throws {
    let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    let listens = bindToLoopback(socket) == 0 && listen(socket, backlog) == 0
    self.socket = socket
    port = portBound(by: socket) ?? 0
    guard listens else { throw Failure() }
  }

  deinit { close(socket) }

  /// A connection that is made or still waits.
  func connectWithoutWaiting() -> CInt {
    let client = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    _ = fcntl(client, F_SETFL, O_NONBLOCK)
    _ = connectToLoopback(client, port: port)
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
}
