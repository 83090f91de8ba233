import TestSupport
import Testing

@testable import Ticketing

struct SlotIndexTests {
  @Test(arguments: 0..<10)
  func `every slot is found until it is removed, whatever collides`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    // Keys are numbers, and so few different hashes that most collide, at the end of the table too.
    let keys = (0..<60).map { _ in UInt32.random(in: 0..<12, using: &random) &- 6 }
    var index = SlotIndex()
    var present: Set<Slot> = []
    for _ in 0..<300 {
      let slot = Slot.random(in: 0..<60, using: &random)
      if present.remove(slot) != nil {
        index.remove(slot, hash: keys[Int(slot)]) { keys[Int($0)] }
      } else {
        index.insert(slot, hash: keys[Int(slot)]) { keys[Int($0)] }
        present.insert(slot)
      }
      for slot in 0..<Slot(60) {
        let found = index.firstSlot(hash: keys[Int(slot)]) { $0 == slot }
        try #require(found == (present.contains(slot) ? slot : nil), "seed \(seed), slot \(slot)")
      }
    }
  }
}
