import Glibc

/// A connection of the generator: a socket, and the request that waits for its answer.
final class Connection {
  private let port: UInt16
  private(set) var socket: Int32
  /// The request under way.
  var request: Int?
  /// The beginning of an answer whose rest has not come yet.
  var partial: [UInt8] = []

  init(port: UInt16) throws(BenchFailure) {
    self.port = port
    socket = try Self.connect(port)
  }

  deinit { close(socket) }

  func reconnect() throws(BenchFailure) {
    close(socket)
    partial = []
    socket = try Self.connect(port)
  }

  private static func connect(_ port: UInt16) throws(BenchFailure) -> Int32 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { throw BenchFailure("no socket: \(String(cString: strerror(errno)))") }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else {
      let reason = String(cString: strerror(errno))
      close(socket)
      throw BenchFailure("nothing can be connected to on port \(port): \(reason)")
    }
    var yes: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    return socket
  }

  /// Sends all of it; a request is far smaller than a socket's buffer, so one that does not fit is a broken connection.
  func send(_ bytes: [UInt8]) -> Bool {
    Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }
}
