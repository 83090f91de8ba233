import Foundation
import Glibc
import TestSupport
import Testing
import TicketHubTestSupport

/// Connections that ask nothing, or speak or read slowly, beside customers who buy. On a TicketHub of its own, whose gateway has room.
@Suite(.serialized) struct `A crowd of connections` {
  private static let wanted = 10_000

  @Test func `idle connections, slow writers and slow readers cost nobody else anything`() async throws {
    let size = try Self.raiseDescriptorLimit()
    let hub = try await TicketHub()
    try await hub.startWorker()
    let event = try await hub.event(["max_tickets_per_customer": 8])
    let pid = try #require(hub.process(ofGateway: 0)).pid
    let alone = try await latencies(of: event, at: hub)
    let before = try residentKilobytes(of: pid)

    let began = ContinuousClock.now
    let crowd = try Crowd(of: size, at: hub.gateway.port)
    let grown = try residentKilobytes(of: pid)
    let slow = Task {
      while !Task.isCancelled {
        crowd.beSlow()
        try await Task.sleep(for: .milliseconds(50))
      }
    }
    let beside = try await latencies(of: event, at: hub)
    slow.cancel()
    let atTheEnd = try residentKilobytes(of: pid)
    print(
      """
      \(size) idle connections, \(Crowd.slowOnes) slow writers, as many slow readers: the median answer took \(beside.median), \
      the longest \(beside.longest); alone \(alone.median) and \(alone.longest). The gateway has \(before / 1024) MB alone, \
      \(grown / 1024) MB with them, \(atTheEnd / 1024) MB in the end.
      """)
    // It lets them be for 75 seconds.
    if .now - began < .seconds(60) { #expect(crowd.openCount == size) }
    #expect(beside.median < max(.milliseconds(100), alone.median * 5))
    #expect(beside.longest < .seconds(5))
    // 30 KB a connection, and what a slow reader has not read yet.
    #expect(atTheEnd - before < size * 30 + Crowd.slowOnes * 600)
  }

  /// Gives how many connections this process and the gateway can have between them.
  private static func raiseDescriptorLimit() throws -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { throw Unexpected("getrlimit failed") }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return min(wanted, Int(clamping: limit.rlim_cur) - 1000)
  }

  /// How long polls and requests for tickets took.
  private func latencies(of event: Event, at hub: TicketHub) async throws -> (median: Duration, longest: Duration) {
    var times: [Duration] = []
    for _ in 0..<15 {
      let customer = hub.customer()
      for _ in 0..<4 {
        let began = ContinuousClock.now
        let reservation = try await customer.ask(.tickets(1), of: event).decoded(as: Reservation.self)
        times.append(.now - began)
        let asked = ContinuousClock.now
        #expect(try await hub.gateway.get(reservation.path, as: customer.token).status == 200)
        times.append(.now - asked)
      }
    }
    times.sort()
    return (times[times.count / 2], times[times.count - 1])
  }

  private func residentKilobytes(of pid: pid_t) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0
  }
}

/// Connections of one process, most of which have asked once and then nothing.
private final class Crowd: Sendable {
  /// So many speak a byte at a time, and as many ask for much and never read it.
  static let slowOnes = 100

  private let idle: [RawConnection]
  private let writers: [RawConnection]
  private let readers: [RawConnection]

  init(of size: Int, at port: Int) throws {
    func connection(saying text: String, receiveBuffer: Int32? = nil) throws -> RawConnection {
      let connection = try RawConnection(to: port, receiveBuffer: receiveBuffer, endsAbruptly: true)
      try connection.say(text)
      return connection
    }
    var idle: [RawConnection] = []
    // Some at a time, which the system's backlog holds.
    while idle.count < size {
      let some = try (0..<min(200, size - idle.count)).map { _ in
        try connection(saying: "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
      }
      idle += some
      for connection in some where connection.hear() == 0 { throw Unexpected("an idle connection was not answered at first") }
    }
    self.idle = idle
    writers = try (0..<Self.slowOnes).map { _ in try connection(saying: "GET /livez HTTP/1.1\r\nX-Slow: ") }
    // A thousand times the contract, of which the system's buffers hold few.
    let much = String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", count: 1000)
    readers = try (0..<Self.slowOnes).map { _ in try connection(saying: much, receiveBuffer: 16 << 10) }
  }

  deinit { for connection in idle + writers + readers { connection.end() } }

  func beSlow() { for connection in writers { connection.trySaying(UInt8(ascii: "x")) } }

  /// How many of the idle connections the gateway has not closed.
  var openCount: Int { idle.count { $0.isQuiet } }
}
