import Foundation
import Glibc

/// Sends requests over keep-alive connections on one thread, and measures. It shares the machine with what it measures, so it does
/// nothing more than that: a request costs about as much as with `wrk`.
struct Generator {
  var port: UInt16
  var connections = 64
  var pace = Pace.closed

  /// Sends them all, and returns when all are answered.
  /// - Throws: if nothing can be connected to, an answer is none of HTTP's, or the last answers don't come.
  func run(_ requests: some RequestSource) async throws -> LoadAnswers {
    let result: Result<LoadAnswers, any Error> = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          returning: Result {
            var run = try GeneratorRun(requests, port: port, connections: min(connections, max(1, requests.count)), pace: pace)
            return try run.run()
          })
      }
    }
    return try result.get()
  }
}

/// The monotonic clock, in nanoseconds.
func monotonicNanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// One run of a generator.
private struct GeneratorRun<Source: RequestSource> {
  /// How long nothing may be heard while answers are missing.
  private static var patience: Int64 { 30_000_000_000 }

  private let requests: Source
  private let port: UInt16
  private let pace: Pace
  private var connections: [Connection] = []
  /// How many connections there may be. They are opened when they are needed: a server closes those on which nothing is asked.
  private let maximumConnections: Int
  private let epoll: Epoll
  /// Indices of connections that wait for a request, from ``firstFree`` on.
  private var free: [Int] = []
  /// The one that has waited longest is the next. If it were the one that was answered last, all requests would go to few connections,
  /// and more of them to that event loop of the gateway that answers sooner: a crowd does not.
  private var firstFree = 0
  private var next = 0
  private var answered = 0
  private var answers: LoadAnswers
  private var outgoing: [UInt8] = []
  private var incoming = [UInt8](repeating: 0, count: 256 << 10)
  private var heardAt: Int64 = 0

  init(_ requests: Source, port: UInt16, connections count: Int, pace: Pace) throws {
    self.requests = requests
    self.port = port
    self.pace = pace
    epoll = try Epoll()
    maximumConnections = count
    answers = LoadAnswers(
      statuses: Array(repeating: 0, count: requests.count), latencies: Array(repeating: 0, count: requests.count), start: 0,
      end: 0)
    outgoing.reserveCapacity(4096)
    for _ in 0..<min(count, 64) { free.append(try open()) }
  }

  /// Opens another connection and gives its index.
  private mutating func open() throws(BenchFailure) -> Int {
    let connection = try Connection(port: port)
    try epoll.watch(connection.socket, as: connections.count)
    connections.append(connection)
    return connections.count - 1
  }

  /// A connection on which nothing is under way; nil if there are as many as may be.
  private mutating func freeConnection() throws(BenchFailure) -> Int? {
    if firstFree == free.count { return connections.count < maximumConnections ? try open() : nil }
    defer {
      firstFree += 1
      if firstFree == free.count {
        free.removeAll(keepingCapacity: true)
        firstFree = 0
      } else if firstFree == maximumConnections {
        free.removeFirst(firstFree)
        firstFree = 0
      }
    }
    return free[firstFree]
  }

  mutating func run() throws -> LoadAnswers {
    answers.start = monotonicNanoseconds()
    heardAt = answers.start
    var now = answers.start
    while answered < requests.count {
      try sendDue(now)
      let count = wait(now)
      now = monotonicNanoseconds()
      if count > 0 { heardAt = now }
      for event in 0..<count { try receive(epoll[event], now) }
      if answered < next, now - heardAt > Self.patience {
        throw BenchFailure("\(next - answered) of \(next) requests had no answer for \(Self.patience / 1_000_000_000) s")
      }
    }
    answers.end = now
    return answers
  }

  private mutating func sendDue(_ now: Int64) throws(BenchFailure) {
    let due = pace.countDue(after: now - answers.start, of: requests.count)
    while next < due, let index = try freeConnection() { try send(next, on: index, now) }
  }

  private mutating func send(_ request: Int, on index: Int, _ now: Int64) throws(BenchFailure) {
    next = max(next, request + 1)
    outgoing.removeAll(keepingCapacity: true)
    requests.append(request, to: &outgoing)
    answers.latencies[request] = pace.due(request).map { answers.start + $0 } ?? monotonicNanoseconds()
    connections[index].request = request
    if !connections[index].send(outgoing) { try lose(index, now) }
  }

  private func wait(_ now: Int64) -> Int {
    var nanoseconds: Int64 = 100_000_000
    if next < requests.count, firstFree < free.count || connections.count < maximumConnections, let due = pace.due(next) {
      nanoseconds = max(0, min(nanoseconds, answers.start + due - now))
    }
    return epoll.wait(nanoseconds: nanoseconds)
  }

  private mutating func receive(_ index: Int, _ now: Int64) throws {
    let connection = connections[index]
    // What comes without a request says that the connection is at its end.
    if connection.request == nil { return try lose(index, now) }
    let count = recv(connection.socket, &incoming, incoming.count, 0)
    if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
    if count <= 0 { return try lose(index, now) }
    if connection.partial.isEmpty {
      let head = try incoming.withUnsafeBytes { bytes in
        try ResponseReader.head(of: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      }
      if let head, head.length <= count { return try answer(index, head.status, now) }
    }
    connection.partial += incoming[..<count]
    let head = try connection.partial.withUnsafeBytes { bytes in try ResponseReader.head(of: bytes) }
    guard let head, head.length <= connection.partial.count else { return }
    connection.partial.removeAll(keepingCapacity: true)
    try answer(index, head.status, now)
  }

  /// Notes an answer, and in a closed loop sends the next request at once.
  private mutating func answer(_ index: Int, _ status: UInt16, _ now: Int64) throws(BenchFailure) {
    guard let request = connections[index].request else { return }
    connections[index].request = nil
    answers.statuses[request] = status
    answers.latencies[request] = now - answers.latencies[request]
    answered += 1
    if pace == .closed, next < requests.count { try send(next, on: index, now) } else { free.append(index) }
  }

  /// The connection broke: its request has no answer, and the next one uses another connection.
  private mutating func lose(_ index: Int, _ now: Int64) throws(BenchFailure) {
    try connections[index].reconnect()
    try epoll.watch(connections[index].socket, as: index)
    if connections[index].request != nil { try answer(index, 0, now) }
  }
}
