import Foundation
import Glibc
import Synchronization

/// A proxy of a TCP server on loopback that can stall, lose the server's answers, or cut its connections.
///
/// Whoever connects to ``port`` reaches the server, with two threads of this process in between for each connection.
public final class StallingProxy: Sendable {
  public enum Behaviour: Hashable, Sendable {
    /// As if it were not there.
    case forward
    /// Nothing passes in either direction, and connections stay open. What was on its way arrives afterwards.
    case stall
    /// Stalls as soon as a client says this, before it: what was said until then passes. Not seen where it is said in two parts.
    case stallBefore(String)
    /// The server gets everything, and its answers are lost. Connections on which something was lost are cut afterwards.
    case swallowReplies
  }

  /// The port of loopback on which it listens.
  public let port: Int
  private let target: Int
  private let listener: Int32
  private let valve = Valve()

  /// - Parameter target: the server's port of loopback.
  public init(to target: Int) throws {
    let listener = try newSocket()
    do {
      try check("bind", bindToLoopback(listener))
      try check("listen", listen(listener, 128))
    } catch {
      Glibc.close(listener)
      throw error
    }
    (self.listener, self.target) = (listener, target)
    port = portBound(by: listener) ?? 0
    Thread.detachNewThread { [listener, target, valve] in
      while let client = accepted(on: listener) { forward(client, to: target, through: valve) }
      Glibc.close(listener)
    }
  }

  deinit { close() }

  /// From now on, for the connections that there are and for those that come.
  public func behave(_ behaviour: Behaviour) { valve.set(behaviour) }

  /// Ends every connection at once; new ones are taken.
  public func cut() { valve.cutAll() }

  /// Ends every connection and takes no more.
  public func close() {
    shutdown(listener, Int32(SHUT_RDWR))
    valve.cutAll()
  }
}

/// What decides whether bytes pass, and knows the connections.
private final class Valve: Sendable {
  private struct State {
    var behaviour = StallingProxy.Behaviour.forward
    var pairs: [ObjectIdentifier: Pair] = [:]
  }

  private let state = Mutex(State())
  private let condition = NSCondition()

  func set(_ behaviour: StallingProxy.Behaviour) {
    state.withLock { state in
      state.behaviour = behaviour
      if behaviour != .swallowReplies { for pair in state.pairs.values where pair.lostSomething { pair.cut() } }
    }
    wake()
  }

  func cutAll() {
    state.withLock { for pair in $0.pairs.values { pair.cut() } }
    wake()
  }

  func add(_ pair: Pair) { state.withLock { $0.pairs[ObjectIdentifier(pair)] = pair } }

  func remove(_ pair: Pair) { state.withLock { $0.pairs[ObjectIdentifier(pair)] = nil } }

  /// Where it is to stall in what a client says; nil if it does not say that.
  func startOfStall(in said: ArraySlice<UInt8>) -> Int? {
    guard case .stallBefore(let text) = state.withLock({ $0.behaviour }) else { return nil }
    return said.firstRange(of: Array(text.utf8))?.lowerBound
  }

  /// Waits while nothing may pass.
  /// - Returns: whether to pass on what was read.
  func pass(_ pair: Pair, isReply: Bool) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while true {
      switch state.withLock({ $0.behaviour }) {
      case .forward, .stallBefore: return !pair.lostSomething || !isReply
      case .swallowReplies:
        if isReply { pair.lose() }
        return !isReply
      case .stall:
        if pair.isCut { return false }
        condition.wait()
      }
    }
  }

  private func wake() {
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }
}

/// The two sockets of a forwarded connection.
private final class Pair: Sendable {
  let client: Int32
  let server: Int32
  private let cutting = Atomic(false)
  private let losing = Atomic(false)
  private let openDirections = Atomic(2)

  init(client: Int32, server: Int32) { (self.client, self.server) = (client, server) }

  var isCut: Bool { cutting.load(ordering: .relaxed) }
  var lostSomething: Bool { losing.load(ordering: .relaxed) }

  func lose() { losing.store(true, ordering: .relaxed) }

  func cut() {
    cutting.store(true, ordering: .relaxed)
    shutdown(client, Int32(SHUT_RDWR))
    shutdown(server, Int32(SHUT_RDWR))
  }

  /// Called at the end of each direction. The sockets are closed with the last, when nobody uses their numbers any more.
  /// - Returns: whether it was the last.
  func endDirection() -> Bool { openDirections.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
}

private func forward(_ client: Int32, to target: Int, through valve: Valve) {
  guard let server = try? newSocket() else {
    Glibc.close(client)
    return
  }
  guard connectToLoopback(server, port: target) == 0 else {
    Glibc.close(client)
    Glibc.close(server)
    return
  }
  for socket in [client, server] {
    var yes: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
  }
  let pair = Pair(client: client, server: server)
  valve.add(pair)
  Thread.detachNewThread { pump(pair, from: client, to: server, isReply: false, through: valve) }
  Thread.detachNewThread { pump(pair, from: server, to: client, isReply: true, through: valve) }
}

private func pump(_ pair: Pair, from source: Int32, to sink: Int32, isReply: Bool, through valve: Valve) {
  var buffer = [UInt8](repeating: 0, count: 64 * 1024)
  while true {
    let count = recv(source, &buffer, buffer.count, 0)
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else { break }
    var read = buffer[..<count]
    if !isReply, let start = valve.startOfStall(in: read) {
      valve.set(.stall)
      guard sendAll(read[..<start], to: sink) else { break }
      read = read[start...]
    }
    guard valve.pass(pair, isReply: isReply) else { continue }
    guard sendAll(read, to: sink) else { break }
  }
  // The end of a connection is news like any other: it does not overtake what stalls.
  _ = valve.pass(pair, isReply: isReply)
  pair.cut()
  guard pair.endDirection() else { return }
  valve.remove(pair)
  Glibc.close(pair.client)
  Glibc.close(pair.server)
}

private func sendAll(_ bytes: ArraySlice<UInt8>, to sink: Int32) -> Bool {
  var rest = bytes
  while !rest.isEmpty {
    let written = rest.withUnsafeBytes { send(sink, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    if written < 0 && errno == EINTR { continue }
    guard written > 0 else { return false }
    rest = rest.dropFirst(written)
  }
  return true
}

// MARK: Sockets

private func newSocket() throws -> Int32 {
  // Not inherited by the processes that tests start, which would keep it open.
  let result = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  try check("socket", result)
  return result
}

private func accepted(on listener: Int32) -> Int32? {
  while true {
    let client = accept(listener, nil, nil)
    if client >= 0 {
      _ = fcntl(client, F_SETFD, FD_CLOEXEC)
      return client
    }
    guard errno == EINTR || errno == ECONNABORTED else { return nil }
  }
}

private func check(_ call: String, _ result: Int32) throws {
  if result < 0 { throw CommandFailure(description: "\(call): \(String(cString: strerror(errno)))") }
}
