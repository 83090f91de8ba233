/// The workers that live, as the database sees them. Its clock alone says who has not been heard of for too long.
public protocol Membership: Sendable {
  /// Says that this worker lives, and gives all those that do, this one included.
  func beat(_ worker: WorkerID) async throws(StoreUnavailable) -> [WorkerID]
  /// All workers that live.
  func members() async throws(StoreUnavailable) -> [WorkerID]
  /// Says that this worker is gone, so that the others take over at once.
  func leave(_ worker: WorkerID) async throws(StoreUnavailable)
}

/// Names a worker process.
public typealias WorkerID = UInt128
