import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import bench

/// The generator against a server that answers as a test likes.
@Suite struct `The generator` {
  /// Answers on a port of its own, a thread a connection.
  private final class Server: Sendable {
    let port: UInt16
    private let socket: Int32
    private let log = Log()

    private final class Log: Sendable {
      let requests = Mutex<[String]>([])
    }

    var requests: [String] { log.requests.withLock { $0 } }

    /// - Parameter answer: what is written for the request of that number; nil closes the connection.
    init(_ answer: @escaping @Sendable (Int) -> [String]?) throws {
      let listener = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      socket = listener
      try #require(bindToLoopback(listener) == 0 && listen(listener, 64) == 0)
      port = UInt16(try #require(portBound(by: listener)))
      // Not this object: its end is what ends the thread.
      Thread.detachNewThread { [log] in
        while case let connection = accept(listener, nil, nil), connection >= 0 {
          Thread.detachNewThread { Self.serve(connection, answer, log) }
        }
      }
    }

    deinit { shutdown(socket, Int32(SHUT_RDWR)) }

    private static func serve(_ connection: Int32, _ answer: (Int) -> [String]?, _ log: Log) {
      defer { close(connection) }
      var bytes = [UInt8](repeating: 0, count: 4096)
      while case let count = recv(connection, &bytes, bytes.count, 0), count > 0 {
        let number = log.requests.withLock {
          $0.append(String(decoding: bytes[..<count], as: UTF8.self))
          return $0.count
        }
        guard let pieces = answer(number) else { return }
        for piece in pieces {
          _ = send(connection, piece, piece.utf8.count, Int32(MSG_NOSIGNAL))
          // So that the pieces arrive apart; that they may arrive together is no failure.
          usleep(2_000)
        }
      }
    }
  }

  private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
  private let requests = FixedRequests(requests: [FixedRequests.get("/")], count: 40)

  @Test(.timeLimit(.minutes(1))) func `every request is sent and answered once`() async throws {
    let server = try Server { _ in [Self.ok] }
    let answers = try await Generator(port: server.port, connections: 4).run(requests)
    #expect(answers.count(200) == 40)
    #expect(server.requests == Array(repeating: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 40))
    #expect(answers.latencies.allSatisfy { $0 > 0 })
  }

  @Test(.timeLimit(.minutes(1))) func `an answer may come in pieces`() async throws {
    let server = try Server { _ in ["HTTP/1.1 2", "00 OK\r\nContent-Le", "ngth: 2\r\n\r", "\no", "k"] }
    let answers = try await Generator(port: server.port, connections: 4).run(requests)
    #expect(answers.count(200) == 40)
  }

  @Test(.timeLimit(.minutes(1))) func `a request whose connection breaks has no answer, and the others go on`() async throws {
    let server = try Server { $0 == 7 ? nil : [Self.ok] }
    let answers = try await Generator(port: server.port, connections: 4).run(requests)
    #expect(answers.count(200) == 39)
    #expect(answers.unexpected(200) == "1 × no answer")
  }

  @Test(.timeLimit(.minutes(1))) func `in an open loop a late answer counts from when its request was due`() async throws {
    // One connection, and an answer takes at least 2 ms: the last of 40 requests, due after 39 ms, waits for those before it.
    let server = try Server { _ in [Self.ok] }
    let answers = try await Generator(port: server.port, connections: 1, pace: .open(perSecond: 1000)).run(requests)
    #expect(answers.count(200) == 40)
    #expect(try #require(answers.latencies.last) > 30_000_000)
  }

  @Test(.timeLimit(.minutes(1))) func `what a server says before it is asked stops nothing`() async throws {
    // As a gateway says 408 to a connection that it is tired of. Where a request is sent at that very moment, it is its answer.
    let server = try Server { $0 == 3 ? [Self.ok, "HTTP/1.1 408 X\r\nContent-Length: 0\r\n\r\n"] : [Self.ok] }
    let answers = try await Generator(port: server.port, connections: 2, pace: .open(perSecond: 200)).run(requests)
    #expect(answers.unexpected(200, 408) == nil && answers.count(408) <= 1)
  }

  @Test(.timeLimit(.minutes(1))) func `where nothing listens it says so`() async throws {
    await #expect(throws: BenchFailure.self) { try await Generator(port: 1).run(requests) }
  }
}
