/// The live holds as a binary heap, the one that expires first on top; of two that expire together, the older one. Every record
/// knows its position in it, so that one that is released or extended is taken out or moved at once, and no dead entry is ever
/// kept.
struct ExpiryHeap: Sendable {
  typealias Records = PiecewiseArray<ReservationTable.Record>

  private(set) var slots: [Slot] = []

  mutating func insert(_ slot: Slot, _ records: inout Records) {
    slots.append(slot)
    rise(slot, from: slots.count - 1, &records)
  }

  mutating func remove(_ slot: Slot, _ records: inout Records) {
    let position = Int(records[Int(slot)].heapPosition)
    let last = slots.removeLast()
    if position < slots.count { settle(last, at: position, &records) }
  }

  /// After the record's expiry has changed.
  mutating func reorder(_ slot: Slot, _ records: inout Records) {
    settle(slot, at: Int(records[Int(slot)].heapPosition), &records)
  }

  /// The first holds to expire at or before `now`, in order, `limit` at most. The heap stays as it is, and only those are looked
  /// at that are returned, and their children.
  func due(at now: Timestamp, limit: Int, _ records: Records) -> [Slot] {
    var due: [Slot] = []
    // Positions whose parents are in `due`, the first to expire last.
    var candidates = slots.isEmpty ? [] : [0]
    while due.count < limit, let position = candidates.popLast(), records[Int(slots[position])].expiresAt <= now {
      due.append(slots[position])
      for child in [2 * position + 1, 2 * position + 2] where child < slots.count {
        candidates.insert(child, at: insertionPoint(of: slots[child], in: candidates, records))
      }
    }
    return due
  }

  private func insertionPoint(of slot: Slot, in candidates: [Int], _ records: Records) -> Int {
    var low = 0
    var high = candidates.count
    while low < high {
      let middle = (low + high) / 2
      if isFirst(slot, slots[candidates[middle]], records) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func isFirst(_ left: Slot, _ right: Slot, _ records: Records) -> Bool {
    let (one, other) = (records[Int(left)].expiresAt, records[Int(right)].expiresAt)
    return one == other ? records[Int(left)].sequence < records[Int(right)].sequence : one < other
  }

  /// Finds the slot's position, from one whose entry is gone. What lies below is moved up as far as the leaves: nearly always, the slot
  /// belongs down there.
  private mutating func settle(_ slot: Slot, at start: Int, _ records: inout Records) {
    var gap = start
    while case var child = 2 * gap + 1, child < slots.count {
      if child + 1 < slots.count, isFirst(slots[child + 1], slots[child], records) { child += 1 }
      put(slots[child], at: gap, &records)
      gap = child
    }
    rise(slot, from: gap, &records)
  }

  private mutating func rise(_ slot: Slot, from start: Int, _ records: inout Records) {
    var position = start
    while position > 0, case let parent = (position - 1) / 2, isFirst(slot, slots[parent], records) {
      put(slots[parent], at: position, &records)
      position = parent
    }
    put(slot, at: position, &records)
  }

  private mutating func put(_ slot: Slot, at position: Int, _ records: inout Records) {
    slots[position] = slot
    records[Int(slot)].heapPosition = Int32(position)
  }
}
