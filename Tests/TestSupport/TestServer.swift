import Foundation
import Glibc
import Synchronization

/// A private PostgreSQL, RabbitMQ or Redis for tests, on loopback, with state of its own. Started by `compose/server`.
///
/// Whatever a test process started is removed when it exits. What a process left that could not do so (because it was killed) is
/// removed by the next one that takes its ports, and at the end of `compose/local test`.
public final class TestServer: Sendable {
  /// Which server.
  public enum Kind: String, Sendable, CaseIterable {
    case postgres, rabbitmq, redis
  }

  public let kind: Kind
  /// The port of loopback on which it listens.
  public let port: Int
  /// Its state: `url`, `log`, `tls/ca.pem` and so on; see `compose/server --help`.
  public let directory: String
  /// How to connect, with user and password: `postgres://…`, `amqp://…` or `redis://…`.
  public let url: String
  private let ports: PortBlock
  private let options: [String]

  private static let running = Mutex<[String: TestServer]>([:])
  private static let sharedServers = Mutex<[Kind: Task<TestServer, any Error>]>([:])
  private static let script = "\(Checkout.path)/compose/server"

  /// The one for all ordinary tests of this process, started when it is first asked for. Tests keep apart by names of their own
  /// (databases or schemas, queues, key prefixes), and never stop it.
  public static func shared(_ kind: Kind) async throws -> TestServer {
    let starting = sharedServers.withLock { servers in
      if let known = servers[kind] { return known }
      let starting = Task { try await own(kind) }
      servers[kind] = starting
      return starting
    }
    return try await starting.value
  }

  /// One for the caller alone, who may do to it what it likes. Prefer ``withOwn(_:tls:_:)``, which also removes it.
  ///
  /// - Parameter tls: Whether it speaks TLS too (not Redis); see ``tlsURL``.
  public static func own(_ kind: Kind, tls: Bool = false) async throws -> TestServer {
    removeAtExit
    let ports = try await onThread { try PortBlock.take(clear: removeLeftovers) }
    let directory = "\(Checkout.state)/\(kind)-\(ports.first)"
    let options = ["--state", directory, "--port", "\(ports.first)"] + (tls ? ["--tls"] : [])
    do {
      try await run([script, "start", kind.rawValue] + options)
      let server = TestServer(
        kind: kind, directory: directory, url: try content(of: "\(directory)/url"), ports: ports, options: options)
      running.withLock { $0[directory] = server }
      return server
    } catch {
      ports.giveBack()
      throw error
    }
  }

  /// Runs `body` with a server for it alone, which is removed afterwards.
  public static func withOwn<Result>(
    _ kind: Kind, tls: Bool = false, _ body: (TestServer) async throws -> Result
  ) async throws -> Result {
    let server = try await own(kind, tls: tls)
    do {
      let result = try await body(server)
      try await server.remove()
      return result
    } catch {
      try await server.remove()
      throw error
    }
  }

  private init(kind: Kind, directory: String, url: String, ports: PortBlock, options: [String]) {
    self.kind = kind
    self.directory = directory
    self.url = url
    self.port = ports.first
    self.ports = ports
    self.options = options
  }

  /// As ``url``, over TLS; the server's certificate is signed by the CA in `directory/tls/ca.pem`.
  public var tlsURL: String {
    get throws { try Self.content(of: "\(directory)/tls-url") }
  }

  /// RabbitMQ's management API, with user and password.
  public var managementURL: String {
    get throws { try Self.content(of: "\(directory)/management-url") }
  }

  /// The main process, as it is now: another one after a restart.
  ///
  /// - Throws: If it has been stopped.
  public var pid: Int32 {
    get throws {
      let text = try Self.content(of: "\(directory)/pid")
      guard let pid = pid_t(text) else { throw CommandFailure(description: "\(directory)/pid holds '\(text)'") }
      return pid
    }
  }

  /// Starts it again, after ``stop()`` or ``kill()``, on the same port and with the same data; returns when it answers.
  public func start() async throws {
    try await run([Self.script, "start", kind.rawValue] + options)
  }

  /// Stops it in an orderly way; also when it is suspended.
  public func stop() async throws {
    try await run([Self.script, "stop", kind.rawValue, "--state", directory])
  }

  /// Stops it in an orderly way and starts it again.
  public func restart() async throws {
    try await stop()
    try await start()
  }

  /// Ends it and every one of its processes at once, as a power cut would; returns when none is left.
  public func kill() async throws {
    let processes = processTree(of: try pid)
    for process in processes { Glibc.kill(process, SIGKILL) }
    try await eventually("the end of \(kind)'s processes") { !processes.contains(where: isAlive) }
  }

  /// Suspends it and every one of its processes: connections stay open, and nothing answers.
  public func suspend() async throws {
    let main = try pid
    // Again until nothing new turns up: a process that still runs may start another one.
    try await eventually("\(kind) suspended") {
      let running = processTree(of: main).filter { isAlive($0) && !isStopped($0) }
      for process in running { Glibc.kill(process, SIGSTOP) }
      return running.isEmpty
    }
  }

  /// Lets it go on after ``suspend()``.
  public func resume() throws {
    // Descendants first: a server that finds its children stopped might act on it.
    for process in processTree(of: try pid).reversed() { Glibc.kill(process, SIGCONT) }
  }

  /// Runs RabbitMQ's `rabbitmqctl` on it.
  public func rabbitmqctl(_ arguments: String...) async throws {
    // Where the cookie is.
    let home = URL(filePath: "\(directory)/data").resolvingSymlinksInPath().path
    try await run(
      [
        "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=\(home)", "ERL_EPMD_PORT=\(port + 2)",
        "RABBITMQ_CONF_ENV_FILE=/dev/null", "/usr/lib/rabbitmq/bin/rabbitmqctl", "--node", "tickethub@localhost",
      ] + arguments)
  }

  /// Ends it for good and deletes its data.
  public func remove() async throws {
    try await run([Self.script, "remove", kind.rawValue, "--state", directory])
    Self.running.withLock { $0[directory] = nil }
    ports.giveBack()
  }

  /// Removes the servers of a process that has ended without doing so itself, and whose ports these were.
  static func removeLeftovers(port: Int) throws {
    for kind in Kind.allCases {
      let directory = "\(Checkout.state)/\(kind)-\(port)"
      if FileManager.default.fileExists(atPath: directory) {
        try runBlocking([script, "remove", kind.rawValue, "--state", directory])
      }
    }
  }

  private static func content(of file: String) throws -> String {
    try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Arranges, once, that what is running when the process exits is removed.
  private static let removeAtExit: Void = {
    atexit {
      let servers = TestServer.running.withLock { Array($0.values) }
      DispatchQueue.concurrentPerform(iterations: servers.count) { index in
        let server = servers[index]
        // Nobody is left to tell of a failure; the next run or `compose/local test` removes it then.
        try? runBlocking([TestServer.script, "remove", server.kind.rawValue, "--state", server.directory])
      }
    }
  }()
}
