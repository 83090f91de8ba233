public import Ticketing

/// Which queue an event's commands go through. All of an event's commands share one, so that they have an order.
public struct Partitioning: Hashable, Sendable {
  /// How many partitions there are. All gateways and workers must agree on it, and it cannot change while commands wait.
  public let count: Int

  /// The default, and the most workers that can share one sale's load.
  public static let defaultCount = 16
  public static let validCounts = 1...256

  public init(count: Int) {
    precondition(Self.validCounts.contains(count), "\(count) partitions")
    self.count = count
  }

  /// The event's partition, from 0: FNV-1a of the id's bytes. Swift's own hashes differ from process to process.
  public func partition(of event: EventID) -> Int {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for shift in stride(from: 120, through: 0, by: -8) {
      hash ^= UInt64(truncatingIfNeeded: event.rawValue >> UInt128(shift)) & 0xFF
      hash &*= 0x0000_0100_0000_01b3
    }
    return Int(hash % UInt64(count))
  }
}
