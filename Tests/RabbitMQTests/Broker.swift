import Foundation
import RabbitMQ
import TestSupport

/// A name that no other test uses.
func unique(_ name: String) -> String { "\(name)-\(UInt64.random(in: .min ... .max))" }

func connect(
  to server: TestServer, _ adjust: (inout RabbitMQConfiguration) -> Void = { _ in }
) async throws -> RabbitMQConnection {
  var configuration = try RabbitMQConfiguration(url: server.url)
  configuration.connectionName = "tests"
  // Whatever a test waits for comes much sooner; the broker may share the machine with a compiler.
  configuration.connectTimeout = .seconds(30)
  configuration.rpcTimeout = .seconds(30)
  configuration.confirmTimeout = .seconds(30)
  configuration.heartbeat = .seconds(20)
  adjust(&configuration)
  return try await RabbitMQConnection.connect(configuration)
}

/// Runs the body with a connection to the broker that all ordinary tests share, and a quorum queue of its own.
func withQueue(
  arguments: [String: RabbitMQArgument] = [:], _ body: (RabbitMQConnection, _ queue: String) async throws -> Void
) async throws {
  let connection = try await connect(to: .shared(.rabbitmq))
  let queue = unique("queue")
  try await connection.declareQueue(queue, arguments: arguments.merging(["x-queue-type": "quorum"]) { given, _ in given })
  do { try await body(connection, queue) } catch {
    try? await connection.deleteQueue(queue)
    await connection.close()
    throw error
  }
  try await connection.deleteQueue(queue)
  await connection.close()
}

/// Messages through the default exchange, numbered in their bodies.
func messages(_ numbers: some Sequence<Int>, to queue: String) -> [RabbitMQMessage] {
  numbers.map { RabbitMQMessage(exchange: "", routingKey: queue, body: Array("\($0)".utf8)) }
}

func numbers(_ deliveries: [RabbitMQDelivery]) -> [Int] {
  deliveries.compactMap { Int(String(decoding: $0.body, as: UTF8.self)) }
}

/// Takes until there are so many, or for so long.
func take(_ count: Int, from consumer: RabbitMQConsumer, within limit: Duration = .seconds(30)) async throws -> [RabbitMQDelivery]
{
  let deadline = ContinuousClock.now + limit
  var taken: [RabbitMQDelivery] = []
  while taken.count < count, .now < deadline {
    taken += try await consumer.take(upTo: count - taken.count, waitingAtMost: ContinuousClock.now.duration(to: deadline))
  }
  return taken
}

/// The error that the body throws, if it throws one of this client's.
func failure(_ body: () async throws -> Void) async -> RabbitMQError? {
  do { try await body() } catch { return error as? RabbitMQError }
  return nil
}

func rabbitmqctl(_ server: TestServer, _ arguments: [String]) async throws {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/lib/rabbitmq/bin/rabbitmqctl")
  process.arguments = ["--node", "tickethub@localhost"] + arguments
  process.environment = [
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "ERL_EPMD_PORT": "\(server.port + 2)",
    // Where the cookie is.
    "HOME": URL(filePath: "\(server.directory)/data").resolvingSymlinksInPath().path, "RABBITMQ_CONF_ENV_FILE": "/dev/null",
  ]
  process.standardOutput = FileHandle.nullDevice
  let status = try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Int32, any Error>) in
    process.terminationHandler = { ended.resume(returning: $0.terminationStatus) }
    do { try process.run() } catch { ended.resume(throwing: error) }
  }
  guard status == 0 else { throw ControlFailed(description: "rabbitmqctl \(arguments) exited with \(status)") }
}

struct ControlFailed: Error, CustomStringConvertible {
  let description: String
}

/// The certificate of an authority that signed nothing.
func makeAuthority() throws -> String {
  let directory = FileManager.default.temporaryDirectory.appending(path: unique("authority"))
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/openssl")
  process.arguments = [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=stranger",
    "-keyout", "/dev/null", "-out", directory.appending(path: "ca.pem").path,
  ]
  process.standardError = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  return directory.appending(path: "ca.pem").path
}
