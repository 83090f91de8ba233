import ArgumentParser
import Backends
import Pipeline
import PostgreSQL

/// `tickethub partitions`
struct PartitionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "partitions",
    abstract: "Print the number of partitions, or change it while nothing runs and nothing waits.",
    discussion: """
      See runbooks/partitions.md. What is in the way of a change is named, and then nothing was changed. The queues of the \
      former number stay.
      """)

  /// How long it takes whatever works with the former number to notice the change and end: it looks every five seconds, see
  /// ``PartitioningCheck``.
  private static let noticing = Duration.seconds(8)

  @Argument(help: "The new number, 1 to 256.") var count: Int?

  func validate() throws {
    if let count, !Partitioning.validCounts.contains(count) {
      throw ValidationError("the number of partitions may be 1 to 256, not \(count)")
    }
  }

  func run() async throws {
    let settings = try await Settings()
    let pool = try settings.pool("partitions", size: 1)
    do {
      let known = try await PostgresSettings(pool).partitioning()
      if let count {
        try await change(from: known, to: Partitioning(count: count), pool, settings)
      } else {
        print(known.count)
      }
    } catch let error as StoreUnavailable {
      throw CommandFailure(error.description)
    } catch let error as RepartitioningFailure {
      throw CommandFailure("the number of partitions was not changed: \(error)")
    }
    await pool.close()
  }

  private func change(from old: Partitioning, to new: Partitioning, _ pool: PostgresPool, _ settings: Settings) async throws {
    if old == new { return print("there are \(new.count) partitions already") }
    let repartitioning = try Repartitioning(pool, amqpURL: settings.amqpURL())
    try await repartitioning.change(from: old, to: new)
    printError(
      "the number is changed; whatever works with \(old.count) partitions notices it within \(Self.noticing.components.seconds) "
        + "seconds, then their queues are looked at once more\n")
    try await Task.sleep(for: Self.noticing)
    let leftovers = await repartitioning.leftovers(of: old)
    print("\(new.count) partitions, \(old.count) before; set TICKETHUB_PARTITIONS=\(new.count) for all processes")
    if leftovers.isEmpty { return }
    for leftover in leftovers { printError("\(leftover)\n") }
    throw CommandFailure(
      "the number was changed, and requests were queued with \(old.count) partitions meanwhile, or may have been: end what did "
        + "that, go back with `tickethub partitions \(old.count)`, let workers decide them, and change the number again")
  }
}
