/// A record's place in a table.
typealias Slot = Int32

/// Finds a record's slot by a key that the record itself has: a hash table of eight bytes an entry, where a dictionary would keep
/// every key of 16 bytes a second time. It probes linearly, and closes the gap when an entry is removed.
struct SlotIndex: Sendable {
  private struct Entry {
    static let empty = Entry(hash: 0, slot: -1)
    var hash: UInt32
    var slot: Slot
    var isEmpty: Bool { slot < 0 }
  }

  /// A power of two of them, at least a quarter empty.
  private var entries: [Entry] = Array(repeating: .empty, count: 16)
  private var count = 0
  private var mask: Int { entries.count - 1 }

  static func hash(_ key: some Identifier) -> UInt32 { UInt32(truncatingIfNeeded: key.hashValue) }

  /// The slot whose record has the key: the caller compares it, `hash` being the key's.
  func slot(hash: UInt32, where hasKey: (Slot) -> Bool) -> Slot? {
    var position = Int(hash) & mask
    while !entries[position].isEmpty {
      if entries[position].hash == hash && hasKey(entries[position].slot) { return entries[position].slot }
      position = (position + 1) & mask
    }
    return nil
  }

  /// The key must not be there.
  mutating func insert(_ slot: Slot, hash: UInt32) {
    if (count + 1) * 4 > entries.count * 3 { grow() }
    place(Entry(hash: hash, slot: slot))
    count += 1
  }

  /// Has the key lead to another slot from now on.
  mutating func replace(_ slot: Slot, with other: Slot, hash: UInt32) {
    entries[position(of: slot, hash: hash)].slot = other
  }

  mutating func remove(_ slot: Slot, hash: UInt32) {
    var gap = position(of: slot, hash: hash)
    var position = (gap + 1) & mask
    while !entries[position].isEmpty {
      // It may move into the gap if it still is not before the position that its hash leads to.
      let home = Int(entries[position].hash) & mask
      if (position - home) & mask >= (position - gap) & mask {
        entries[gap] = entries[position]
        gap = position
      }
      position = (position + 1) & mask
    }
    entries[gap] = .empty
    count -= 1
  }

  private func position(of slot: Slot, hash: UInt32) -> Int {
    var position = Int(hash) & mask
    while entries[position].slot != slot { position = (position + 1) & mask }
    return position
  }

  private mutating func place(_ entry: Entry) {
    var position = Int(entry.hash) & mask
    while !entries[position].isEmpty { position = (position + 1) & mask }
    entries[position] = entry
  }

  private mutating func grow() {
    let old = entries
    entries = Array(repeating: .empty, count: old.count * 2)
    for entry in old where !entry.isEmpty { place(entry) }
  }
}
