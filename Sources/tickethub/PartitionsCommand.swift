import ArgumentParser
import Backends
import Pipeline
import PostgreSQL

/// `tickethub partitions`
struct PartitionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "partitions",
    abstract: "Print the number of partitions, or change it while nothing runs and nothing waits.",
    discussion: "See runbooks/partitions.md. What is in the way of a change is named, and then nothing was changed.")

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
    let leftovers = try await Repartitioning(pool, amqpURL: settings.amqpURL()).change(from: old, to: new)
    for queue in leftovers { printError("the empty queue \(queue) could not be deleted, which does no harm\n") }
    print("\(new.count) partitions, \(old.count) before; set TICKETHUB_PARTITIONS=\(new.count) for all processes")
  }
}
