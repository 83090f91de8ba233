/// A record's place in a table.
typealias Slot = Int32

/// Finds records' slots by a key that the records themselves have: a hash table of four bytes an entry, where a dictionary would keep
/// every key of 16 bytes a second time. Several records may have the same key. It probes linearly, and closes the gap when an entry is
/// removed.
struct SlotIndex: Sendable {
  /// An entry is a slot in as many low bits as a position has, and above them the same bits of the key's hash: hardly any other
  /// record has to be looked at.
  private typealias Entry = UInt32
  private static let empty = Entry.max

  /// A power of two of them, at least a quarter empty, and more than the highest slot.
  private var entries: [Entry] = Array(repeating: empty, count: 16)
  private var count = 0
  private var mask: Entry { Entry(entries.count - 1) }

  /// The slots whose records may have a key with this hash; the caller compares the keys.
  func forEachSlot(hash: UInt32, _ body: (Slot) -> Void) {
    _ = firstSlot(hash: hash) { slot in
      body(slot)
      return false
    }
  }

  /// The first slot whose record has the key: the caller compares it, `hash` being the key's.
  func firstSlot(hash: UInt32, where hasKey: (Slot) -> Bool) -> Slot? {
    let mask = mask
    var position = hash & mask
    while case let entry = entries[Int(position)], entry != Self.empty {
      if (entry ^ hash) & ~mask == 0, hasKey(Slot(entry & mask)) { return Slot(entry & mask) }
      position = (position + 1) & mask
    }
    return nil
  }

  /// - Parameter hashOf: the hash of the key of a slot's record.
  mutating func insert(_ slot: Slot, hash: UInt32, hashOf: (Slot) -> UInt32) {
    while (max(count, Int(slot)) + 1) * 4 > entries.count * 3 { grow(hashOf) }
    place(slot, hash: hash)
    count += 1
  }

  mutating func remove(_ slot: Slot, hash: UInt32, hashOf: (Slot) -> UInt32) {
    let mask = mask
    var gap = hash & mask
    while entries[Int(gap)] & mask != slot { gap = (gap + 1) & mask }
    var position = (gap + 1) & mask
    while case let entry = entries[Int(position)], entry != Self.empty {
      // It may move into the gap if it still is not before the position that its hash leads to.
      let home = hashOf(Slot(entry & mask)) & mask
      if (position &- home) & mask >= (position &- gap) & mask {
        entries[Int(gap)] = entry
        gap = position
      }
      position = (position + 1) & mask
    }
    entries[Int(gap)] = Self.empty
    count -= 1
  }

  private mutating func place(_ slot: Slot, hash: UInt32) {
    let mask = mask
    var position = hash & mask
    while entries[Int(position)] != Self.empty { position = (position + 1) & mask }
    entries[Int(position)] = hash & ~mask | Entry(slot)
  }

  private mutating func grow(_ hashOf: (Slot) -> UInt32) {
    let slots = entries.lazy.filter { $0 != Self.empty }.map { [mask] in Slot($0 & mask) }
    var larger = SlotIndex()
    larger.entries = Array(repeating: Self.empty, count: entries.count * 2)
    larger.count = count
    for slot in slots { larger.place(slot, hash: hashOf(slot)) }
    self = larger
  }
}

extension Identifier {
  /// Where to look for it. Ids are evenly spread already, but whoever can choose some must not know which ones collide: so a secret
  /// of this process is mixed in. `Hasher` took a third of all that a decision costs.
  var slotHash: UInt32 {
    let (low, high) = (UInt64(truncatingIfNeeded: rawValue), UInt64(truncatingIfNeeded: rawValue >> 64))
    let product = (low ^ SlotSecret.low).multipliedFullWidth(by: high ^ SlotSecret.high)
    return UInt32(truncatingIfNeeded: product.low ^ product.high)
  }
}

/// From the seed that Swift gives each process.
private enum SlotSecret {
  static let low = UInt64(truncatingIfNeeded: 1.hashValue)
  static let high = UInt64(truncatingIfNeeded: 2.hashValue)
}
