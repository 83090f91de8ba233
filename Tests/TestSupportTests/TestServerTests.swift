import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct TestServerTests {
  @Test(arguments: TestServer.Kind.allCases)
  func `a server of one's own is suspended, resumed, killed, started, restarted and removed`(kind: TestServer.Kind) async throws {
    var directory = ""
    try await TestServer.withOwn(kind) { server in
      directory = server.directory
      #expect(try await answers(server))

      try await server.suspend()
      #expect(try await !answers(server))
      try server.resume()
      try await eventually("an answer after resuming") { try await answers(server) }

      let first = try server.pid
      try await server.kill()
      #expect(try await !answers(server))
      try await server.start()
      #expect(try await answers(server))
      let second = try server.pid
      #expect(first != second)

      try await server.suspend()
      try await server.restart()
      #expect(try await answers(server))
      let third = try server.pid
      #expect(second != third)

      try await server.stop()
      #expect(try await !answers(server))
    }
    #expect(!FileManager.default.fileExists(atPath: directory))
  }

  @Test func `a server waits a moment for a port that is let go of, and not for one that is kept`() async throws {
    try await TestServer.withOwn(.redis) { server in
      try await server.kill()
      var port: Int32 = -1
      try await eventually("the killed server lets go of its port") {
        port = listen(on: server.port)
        return port >= 0
      }
      let failure = await #expect(throws: CommandFailure.self) { try await server.start() }
      #expect(failure?.description.contains("in use by something else") == true)
      // What connected before is out of the way.
      _ = fcntl(port, F_SETFL, O_NONBLOCK)
      while true {
        let connection = accept(port, nil, nil)
        if connection < 0 { break }
        close(connection)
      }
      async let started: Void = server.start()
      try await eventually("the port is found in use") { accept(port, nil, nil) >= 0 }
      close(port)
      try await started
      #expect(try await answers(server))
    }
  }

  @Test func `a state directory that was moved keeps its data, also where they lie elsewhere`() async throws {
    let port = try await reservePorts()
    // RabbitMQ's scripts can't quote a space, so no server's data are where there is one.
    let (state, moved) = ("\(Checkout.state)/state \(port)", "\(Checkout.state)/moved \(port)")
    let script = "\(Checkout.path)/compose/server"
    func server(_ command: String, _ state: String) async throws {
      let options = command == "start" ? ["--port", "\(port)"] : []
      try await run([script, command, "redis", "--state", state] + options)
    }
    func data(_ state: String) throws -> String {
      try FileManager.default.destinationOfSymbolicLink(atPath: "\(state)/data")
    }
    try await server("start", state)
    let first = try data(state)
    try FileManager.default.moveItem(atPath: state, toPath: moved)
    // What ran there is ended, or this would find the port in use.
    try await server("start", state)
    #expect(try data(state) != first)
    #expect(FileManager.default.fileExists(atPath: first))
    try await server("remove", state)
    try await server("start", moved)
    #expect(try data(moved) == first)
    try await server("remove", moved)
    #expect(!FileManager.default.fileExists(atPath: first))
  }

  @Test func `those who ask at once for the shared server get the same one`() async throws {
    async let one = TestServer.shared(.redis)
    async let other = TestServer.shared(.redis)
    let servers = try await (one, other)
    #expect(servers.0 === servers.1)
    #expect(try await answers(servers.0))
  }

  @Test(arguments: [TestServer.Kind.postgres, .rabbitmq])
  func `a server with TLS has an address for it and a CA`(kind: TestServer.Kind) async throws {
    try await TestServer.withOwn(kind, tls: true) { server in
      let url = try server.tlsURL
      #expect(url.contains("ca.pem"))
      #expect(FileManager.default.fileExists(atPath: "\(server.directory)/tls/ca.pem"))
    }
  }

  @Test func `reserved ports are reserved for one`() async throws {
    let first = try await reservePorts()
    let second = try await reservePorts()
    #expect(abs(first - second) >= 5)
  }

  @Test func `what does not happen is said in words`() async throws {
    let failure = await #expect(throws: DidNotHappen.self) {
      try await eventually(within: .milliseconds(50), "the moon is cheese") { false }
    }
    #expect(failure?.description.contains("the moon is cheese") == true)
  }
}

/// Whether the server reacts, within half a second, to what a client of its protocol says first.
private func answers(_ server: TestServer) async throws -> Bool {
  let greeting: [UInt8] =
    switch server.kind {
    case .postgres: [0, 0, 0, 8, 4, 210, 22, 47]  // SSLRequest
    case .rabbitmq: Array("AMQP".utf8) + [0, 0, 9, 1]
    case .redis: Array("PING\r\n".utf8)
    }
  let port = server.port
  return await withCheckedContinuation { continuation in
    Thread.detachNewThread { continuation.resume(returning: isAnswered(greeting, by: port)) }
  }
}

/// A socket that listens there; -1 if something else does.
private func listen(on port: Int) -> Int32 {
  // Not for the servers that are started meanwhile.
  let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  var yes: Int32 = 1
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
  // With room for each look at the port that nobody accepts: without, the next one would hang.
  if bindToLoopback(socket, port: port) == 0 && Glibc.listen(socket, 1024) == 0 { return socket }
  close(socket)
  return -1
}

private func isAnswered(_ greeting: [UInt8], by port: Int) -> Bool {
  let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(socket) }
  var patience = timeval(tv_sec: 0, tv_usec: 500_000)
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  guard connectToLoopback(socket, port: port) == 0 else { return false }
  guard send(socket, greeting, greeting.count, Int32(MSG_NOSIGNAL)) == greeting.count else { return false }
  var answer: UInt8 = 0
  return recv(socket, &answer, 1, 0) == 1
}
