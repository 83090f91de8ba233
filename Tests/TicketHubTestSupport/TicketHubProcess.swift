import Foundation
public import Glibc
import Synchronization
import TestSupport

/// A gateway or a worker that runs.
public final class TicketHubProcess: Sendable {
  public let pid: pid_t
  private let log: String
  private let status: Task<Int32, Never>
  private let ending = Ending()

  /// - Parameter log: the file to which it writes.
  public init(_ arguments: [String], environment: [String: String], log: String) throws {
    let pid = try spawn(arguments, environment: environment, output: log, errors: log)
    self.pid = pid
    self.log = log
    status = Task { [ending] in
      defer { ending.isOver.store(true, ordering: .releasing) }
      return await exitStatus(of: pid)
    }
  }

  private final class Ending: Sendable {
    let isOver = Atomic(false)
  }

  /// Whether it has not ended yet.
  public var isRunning: Bool { !ending.isOver.load(ordering: .acquiring) }

  /// Waits until it has said so in its log.
  public func logged(_ words: String) async throws {
    try await eventually(within: .seconds(60), "'\(words)' in \(log)") {
      try String(contentsOfFile: log, encoding: .utf8).contains(words)
    }
  }

  /// The partitions that a worker has given itself, by its log; nil before it has any share.
  public var share: [Int]? {
    get throws {
      let text = try String(contentsOfFile: log, encoding: .utf8)
      guard let range = text.ranges(of: " partitions=[").last else { return nil }
      return text[range.upperBound...].prefix { $0 != "]" }.split(separator: ", ").compactMap { Int($0) }
    }
  }

  /// Ends it at once, as a power cut would.
  public func kill() async {
    Glibc.kill(pid, SIGKILL)
    _ = await status.value
  }

  /// Asks it to end in an orderly way.
  /// - Returns: its exit status, negative for a signal, and how long it took.
  public func terminate() async -> (status: Int32, time: Duration) {
    let start = ContinuousClock.now
    Glibc.kill(pid, SIGTERM)
    return (await status.value, .now - start)
  }
}

/// Runs `tickethub` to its end.
public func tickethub(
  _ arguments: [String], environment: [String: String], input: String = ""
) async throws -> (status: Int32, output: String, errors: String) {
  let directory = "\(Checkout.state)/command-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: directory) }
  // Files and not pipes, which would have to be read and written meanwhile.
  let files = ["in", "out", "err"].map { "\(directory)/\($0)" }
  try input.write(toFile: files[0], atomically: false, encoding: .utf8)
  let pid = try spawn(
    arguments, environment: environment, input: files[0], output: files[1], errors: files[2])
  let status = await exitStatus(of: pid)
  return (
    status, try String(contentsOfFile: files[1], encoding: .utf8), try String(contentsOfFile: files[2], encoding: .utf8)
  )
}
