import Backends
import Logging
import Pipeline
import ServiceLifecycle

/// Keeps a process from working with another number of partitions than the database knows: it would queue requests where nobody takes
/// them, or take an event's requests from two queues, in no order.
struct PartitioningCheck: Service {
  private static let interval = Duration.seconds(5)

  let own: Partitioning
  let settings: PostgresSettings
  let logger: Logger

  /// - Throws: `StoreUnavailable` while the database is away, `CommandFailure` if it knows another number.
  func expectAgreement() async throws {
    let agreed = try await settings.agree(on: own)
    if agreed == own { return }
    throw CommandFailure(
      "TICKETHUB_PARTITIONS is \(own.count), its default being \(Partitioning.defaultCount), and the database knows \(agreed.count); "
        + "set it to \(agreed.count), or see runbooks/partitions.md for changing the number")
  }

  /// As above, and waits for the database.
  func awaitAgreement() async throws {
    while true {
      do {
        return try await expectAgreement()
      } catch let error as StoreUnavailable {
        logger.warning("waiting for the database", metadata: ["reason": "\(error)"])
        try await Task.sleep(for: .seconds(1))
      }
    }
  }

  /// Ends the process, by throwing, once the number is changed while it runs.
  func run() async throws {
    while !Task.isShuttingDownGracefully && !Task.isCancelled {
      await cancelWhenGracefulShutdown { try? await Task.sleep(for: Self.interval) }
      do {
        try await expectAgreement()
      } catch is StoreUnavailable {
        // The sale goes on without the database, and its number does not change meanwhile.
      }
    }
  }
}
