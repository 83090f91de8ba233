import Pipeline
import Synchronization

/// A membership whose worker can die without saying goodbye.
final class MortalMembership: Membership {
  private let membership: any Membership
  private let isDead = Atomic(false)

  init(_ membership: any Membership) { self.membership = membership }

  func die() { isDead.store(true, ordering: .relaxed) }

  func beat(_ worker: WorkerID) async throws(StoreUnavailable) -> [WorkerID] {
    if isDead.load(ordering: .relaxed) { throw StoreUnavailable("dead") }
    return try await membership.beat(worker)
  }

  func members() async throws(StoreUnavailable) -> [WorkerID] { try await membership.members() }

  func leave(_ worker: WorkerID) async throws(StoreUnavailable) {
    if !isDead.load(ordering: .relaxed) { try await membership.leave(worker) }
  }
}
