/// The live holds as a binary heap, the one that expires first on top; of two that expire together, the older one. Every record
/// knows its position in it, so that one that is released or extended is taken out or moved at once, and no dead entry is ever
/// kept.
struct ExpiryHeap: Sendable {
  typealias Record = ReservationTable.Record

  private(set) var slots: [Slot] = []

  mutating func insert(_ slot: Slot, _ records: inout [Record]) {
    slots.append(slot)
    rise(from: slots.count - 1, &records)
  }

  mutating func remove(_ slot: Slot, _ records: inout [Record]) {
    let position = Int(records[Int(slot)].heapPosition)
    let last = slots.removeLast()
    if position == slots.count { return }
    put(last, at: position, &records)
    reorder(last, &records)
  }

  /// After the record's expiry has changed.
  mutating func reorder(_ slot: Slot, _ records: inout [Record]) {
    rise(from: Int(records[Int(slot)].heapPosition), &records)
    sink(from: Int(records[Int(slot)].heapPosition), &records)
  }

  /// The first holds to expire at or before `now`, in order, `limit` at most. The heap stays as it is, and only those are looked
  /// at that are returned, and their children.
  func due(at now: Timestamp, limit: Int, _ records: [Record]) -> [Slot] {
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

  private func insertionPoint(of slot: Slot, in candidates: [Int], _ records: [Record]) -> Int {
    var low = 0
    var high = candidates.count
    while low < high {
      let middle = (low + high) / 2
      if isFirst(slot, slots[candidates[middle]], records) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func isFirst(_ left: Slot, _ right: Slot, _ records: [Record]) -> Bool {
    let (left, right) = (records[Int(left)], records[Int(right)])
    return (left.expiresAt.microseconds, left.sequence) < (right.expiresAt.microseconds, right.sequence)
  }

  private mutating func rise(from start: Int, _ records: inout [Record]) {
    let slot = slots[start]
    var position = start
    while position > 0, isFirst(slot, slots[(position - 1) / 2], records) {
      put(slots[(position - 1) / 2], at: position, &records)
      position = (position - 1) / 2
    }
    put(slot, at: position, &records)
  }

  private mutating func sink(from start: Int, _ records: inout [Record]) {
    let slot = slots[start]
    var position = start
    while 2 * position + 1 < slots.count {
      var child = 2 * position + 1
      if child + 1 < slots.count && isFirst(slots[child + 1], slots[child], records) { child += 1 }
      guard isFirst(slots[child], slot, records) else { break }
      put(slots[child], at: position, &records)
      position = child
    }
    put(slot, at: position, &records)
  }

  private mutating func put(_ slot: Slot, at position: Int, _ records: inout [Record]) {
    slots[position] = slot
    records[Int(slot)].heapPosition = Int32(position)
  }
}
