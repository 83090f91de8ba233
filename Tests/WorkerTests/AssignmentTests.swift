import BackendsTestSupport
import Pipeline
import TestSupport
import Testing

@testable import Worker

struct AssignmentTests {
  private func shares(_ members: [WorkerID], _ partitions: Int) -> [[Int]] {
    members.map { Assignment.share(of: $0, among: members, partitions: partitions) }
  }

  @Test(arguments: 0..<200)
  func `every partition has one worker, and shares differ by one at most`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let partitions = Int.random(in: 1...64, using: &generator)
    let members = (0..<Int.random(in: 1...24, using: &generator)).map { _ in WorkerID.random(in: 0 ... .max, using: &generator) }
    let shares = shares(members, partitions)
    #expect(shares.flatMap(\.self).sorted() == Array(0..<partitions))
    #expect(shares.map(\.count).max()! - shares.map(\.count).min()! <= 1)
    #expect(shares.allSatisfy { $0 == $0.sorted() })
    let shuffled = members.shuffled(using: &generator)
    for (member, share) in zip(members, shares) {
      #expect(Assignment.share(of: member, among: shuffled, partitions: partitions) == share, "it depends on the order")
    }
  }

  @Test func `a worker that nobody has seen has no share`() {
    #expect(Assignment.share(of: 1, among: [2, 3], partitions: 16).isEmpty)
    #expect(Assignment.share(of: 1, among: [], partitions: 16).isEmpty)
  }

  @Test func `a worker that comes or goes moves few partitions more than it must`() {
    var moved = 0
    var necessary = 0
    for seed in 0..<300 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      let members = (0..<Int.random(in: 2...8, using: &generator)).map { _ in WorkerID.random(in: 0 ... .max, using: &generator) }
      let before = shares(members, 16)
      let after = members.dropLast().map { Assignment.share(of: $0, among: members.dropLast(), partitions: 16) }
      moved += zip(before, after).map { Set($1).subtracting($0).count }.reduce(0, +)
      necessary += before[members.count - 1].count
    }
    #expect(Double(moved) < 1.6 * Double(necessary), "\(moved) partitions moved where \(necessary) had to")
  }
}
