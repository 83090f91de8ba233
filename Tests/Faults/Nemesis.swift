import Foundation
import Synchronization
import TestSupport

/// Lets faults happen, several at a time and in an order drawn from a seed, until its time is over.
struct Nemesis: Sendable {
  /// How many faults may last at the same time.
  private static let overlap = 3

  let faults: [Fault]
  let time: Duration
  let seed: UInt64

  private struct Next: Sendable {
    var fault: Fault
    var duration: Duration
    var generator: SeededGenerator
  }

  /// Returns when every fault is over.
  /// - Returns: how many there were of each kind.
  func strike(_ site: Site) async throws -> [Fault: Int] {
    var generator = SeededGenerator(seed: seed)
    var counts: [Fault: Int] = [:]
    var suffering: Set<String> = []
    var running = 0
    let start = ContinuousClock.now
    try await withThrowingTaskGroup(of: Fault.self) { group in
      while ContinuousClock.now - start < time {
        // A sale is given a moment between two faults, so that something happens that can go wrong.
        try await Task.sleep(for: .milliseconds(.random(in: 200...2000, using: &generator)))
        let possible = faults.filter { $0.victims.isDisjoint(with: suffering) }
        guard running < Self.overlap, let fault = possible.randomElement(using: &generator) else {
          if let over = try await group.next() {
            suffering.subtract(over.victims)
            running -= 1
          }
          continue
        }
        let next = Next(
          fault: fault, duration: .milliseconds(.random(in: 500...8000, using: &generator)),
          generator: SeededGenerator(seed: generator.next()))
        suffering.formUnion(fault.victims)
        running += 1
        counts[fault, default: 0] += 1
        group.addTask {
          log("\(start.duration(to: .now).formatted(.units(allowed: [.seconds]))): \(next.fault), \(next.duration)")
          var generator = next.generator
          do {
            try await site.suffer(next.fault, for: next.duration, &generator)
          } catch {
            throw FaultFailed(description: "\(next.fault): \(error)")
          }
          return next.fault
        }
      }
      try await group.waitForAll()
    }
    return counts
  }
}

/// A fault could not be made to happen, or made whole: the suite's own failure.
struct FaultFailed: Error, CustomStringConvertible {
  let description: String
}

/// Says what happens while it happens, on standard error and in `faults.log`: a run that fails is told by it.
func log(_ line: String) {
  let line = Data("\(line)\n".utf8)
  FileHandle.standardError.write(line)
  faultLog.withLock { _ = try? $0?.write(contentsOf: line) }
}

private let faultLog = Mutex<FileHandle?>(
  {
    let path = "\(Checkout.state)/faults.log"
    // Whoever follows the file goes on doing so: it is appended to, not replaced.
    if !FileManager.default.fileExists(atPath: path) { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    let file = FileHandle(forWritingAtPath: path)
    _ = try? file?.seekToEnd()
    return file
  }())
