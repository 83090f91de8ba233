import Pipeline
import Synchronization

/// Remembers the partitions in which something was queued without a note in the view, until the view itself knows that it does not know
/// all that is queued. From then on its workers see to it, as after it was emptied.
///
/// Without this, whoever was told `202` and asks at once would be told that there is no such reservation.
final class UnnotedPartitions: Sendable {
  private let view: any ReservationView
  /// By partition, which addition was the last.
  private let partitions = Mutex<[Int: Int]>([:])
  private let additions = Atomic(0)

  init(_ view: any ReservationView) { self.view = view }

  /// To be called before a client is told that the command was queued.
  func add(_ new: Set<Int>) async {
    if new.isEmpty { return }
    let addition = additions.add(1, ordering: .relaxed).newValue
    partitions.withLock { partitions in for partition in new { partitions[partition] = addition } }
    await tellView()
  }

  /// Whether all that waits in the queues is noted in the view.
  func knowsWhatIsQueued(_ partitioning: Partitioning) async throws(ViewUnavailable) -> Bool {
    if await tellView() { return false }
    return try await view.knowsWhatIsQueued(partitioning)
  }

  /// Tells the view, if there is something that it has not been told; gives whether there was.
  @discardableResult
  func tellView() async -> Bool {
    let told = partitions.withLock { $0 }
    if told.isEmpty { return false }
    do throws(ViewUnavailable) {
      try await view.forgetNoted(Set(told.keys))
      // One that was added again meanwhile was queued perhaps after the view heard of it.
      partitions.withLock { partitions in
        for (partition, addition) in told where partitions[partition] == addition { partitions[partition] = nil }
      }
    } catch {
      // It is away; whoever comes next tries again.
    }
    return true
  }
}
