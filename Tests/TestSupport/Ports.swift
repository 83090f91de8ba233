import Foundation
import Glibc

/// Five consecutive ports of loopback that no other test process uses at the same time.
///
/// Whoever holds the lock of a block's file owns the block, on the whole machine, until it gives it back or ends. What an earlier
/// owner left running there is therefore known to be stale.
struct PortBlock {
  static let size = 5
  private static let count = 200
  private static let base = Int(ProcessInfo.processInfo.environment["TICKETHUB_TEST_PORT_BASE"] ?? "") ?? 28080

  /// The first of the five.
  let first: Int
  private let lock: Int32

  /// Takes a free block.
  ///
  /// - Parameter clear: Ends what a former owner of these ports left behind; called before it is seen whether they are free.
  static func take(clear: (_ firstPort: Int) throws -> Void) throws -> PortBlock {
    for first in stride(from: base, to: base + count * size, by: size) {
      guard let lock = lock(first) else { continue }
      try clear(first)
      if (first..<first + size).allSatisfy(isFree) { return PortBlock(first: first, lock: lock) }
      close(lock)
    }
    throw CommandFailure(description: "no five free ports from \(base) to \(base + count * size): set TICKETHUB_TEST_PORT_BASE")
  }

  /// Lets others have it.
  func giveBack() {
    close(lock)
  }

  private static func lock(_ port: Int) -> Int32? {
    // Another user's file cannot be opened: that user's port, then.
    let file = open("/tmp/tickethub-test-port-\(port).lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard file >= 0 else { return nil }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      close(file)
      return nil
    }
    return file
  }

  private static func isFree(_ port: Int) -> Bool {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    var yes: Int32 = 1  // connections of an earlier server that linger in TIME_WAIT are no hindrance
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    return bindToLoopback(socket, port: port) == 0
  }
}

/// Reserves free ports of loopback for this process, for as long as it lives.
///
/// - Returns: The first of five consecutive ones.
public func reservePorts() async throws -> Int {
  try await onThread { try PortBlock.take(clear: TestServer.removeLeftovers).first }
}
