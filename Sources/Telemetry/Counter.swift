import Synchronization

/// A number that only grows, in the sense of Prometheus. Counting is a single atomic addition.
public final class Counter: Sendable {
  private let count = Atomic(0)

  public init() {}

  public func add(_ amount: Int = 1) { count.add(amount, ordering: .relaxed) }

  public var value: Int { count.load(ordering: .relaxed) }
}
