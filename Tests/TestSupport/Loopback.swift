import Glibc

/// Binds a socket to a port of loopback; to a free one if it is 0.
/// - Returns: 0, or -1 with the reason in `errno`, as `bind` does.
public func bindToLoopback(_ socket: Int32, port: Int = 0) -> Int32 {
  withAddress(port) { address, length in Glibc.bind(socket, address, length) }
}

/// Connects a socket to a port of loopback.
/// - Returns: 0, or -1 with the reason in `errno`, as `connect` does.
public func connectToLoopback(_ socket: Int32, port: Int) -> Int32 {
  withAddress(port) { address, length in Glibc.connect(socket, address, length) }
}

/// The port to which a socket is bound; nil if it is no bound socket.
public func portBound(by socket: Int32) -> Int? {
  var address = sockaddr_in()
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let result = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
  }
  return result == 0 ? Int(UInt16(bigEndian: address.sin_port)) : nil
}

private func withAddress(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(port).bigEndian
  address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
  return withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
  }
}
