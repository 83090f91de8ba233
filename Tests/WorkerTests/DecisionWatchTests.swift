import Synchronization
import TestSupport
import Testing
import Ticketing

@testable import Worker

struct DecisionWatchTests {
  /// What the watch has said.
  private final class Reports: Sendable {
    let list = Mutex<[(partition: Int, command: CommandID?)]>([])
    var count: Int { list.withLock { $0.count } }
  }

  @Test func `a decision that does not end is reported, with the command if it is alone`() async throws {
    let reports = Reports()
    let watch = DecisionWatch(patience: .milliseconds(500)) { partition, command in
      reports.list.withLock { $0.append((partition, command)) }
    }
    let mark = DecisionWatch.Mark(partition: 7)
    await watch.watch(mark)
    mark.begin(CommandID(UInt128(3) << 64 | 5))
    try await eventually("a report") { reports.count > 0 }
    mark.end()
    await watch.forget(mark)
    let first = reports.list.withLock { $0[0] }
    #expect(first.partition == 7 && first.command == CommandID(UInt128(3) << 64 | 5))
  }

  @Test func `many decisions that end are not one that does not`() async throws {
    let reports = Reports()
    let watch = DecisionWatch(patience: .milliseconds(500)) { partition, command in
      reports.list.withLock { $0.append((partition, command)) }
    }
    let busy = DecisionWatch.Mark(partition: 1)
    let hanging = DecisionWatch.Mark(partition: 2)
    await watch.watch(busy)
    await watch.watch(hanging)
    hanging.begin(nil)
    try await eventually("a report about the other") {
      for _ in 0..<100 {
        busy.begin(nil)
        busy.end()
      }
      return reports.count > 2
    }
    #expect(reports.list.withLock { $0.allSatisfy { $0.partition == 2 && $0.command == nil } })
    await watch.forget(busy)
    await watch.forget(hanging)
  }
}
