import Glibc
import NIOHTTP1
import ServiceLifecycle
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// The server as sockets see it.
struct HTTPServerTests {
  @Test func `who closes its side when it has said all gets its answer`() async throws {
    // Many, so that the server has seen the end of most of them before the first may be answered: nothing announces that.
    let gates = (0..<20).map { _ in Gate() }
    var table = RouteTable()
    table.on(.GET, "/wait/{number}") { request in
      if let number = Int(request.parameters[0].value) { await gates[number].pass() }
      return Response(status: .ok, body: Array("waited".utf8))
    }
    let port = try await reservePorts()
    let responder = Responder(table, metrics: MetricRegistry(), logger: .silent)
    let server = HTTPServer(responder: responder, name: "test", host: "127.0.0.1", port: port, logger: .silent)
    let group = ServiceGroup(services: [server], logger: .silent)
    let service = Task { try await group.run() }
    defer { service.cancel() }

    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    for number in gates.indices {
      try await eventually("a server that listens") {
        guard let socket = connection(to: port) else { return false }
        sockets.append(socket)
        return true
      }
      let request = Array("GET /wait/\(number) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
      #expect(send(sockets[number], request, request.count, Int32(MSG_NOSIGNAL)) == request.count)
      shutdown(sockets[number], Int32(SHUT_WR))
    }
    for gate in gates { gate.open() }
    for socket in sockets { #expect(answer(on: socket).hasSuffix("\r\n\r\nwaited")) }
    await group.triggerGracefulShutdown()
    try await service.value
  }

  /// Nil if nobody listens.
  private func connection(to port: Int) -> Int32? {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    // A bound only.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    if connectToLoopback(socket, port: port) == 0 { return socket }
    close(socket)
    return nil
  }

  /// All that comes until the server closes the connection; nothing if it does not.
  private func answer(on socket: Int32) -> String {
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1024)
    while true {
      let count = recv(socket, &buffer, buffer.count, 0)
      if count < 0 { return "" }
      if count == 0 { return String(decoding: answer, as: UTF8.self) }
      answer += buffer[..<count]
    }
  }
}
