import ArgumentParser
import Backends
import Pipeline
import PostgreSQL
import SystemPackage

/// `tickethub migrate`
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Bring the database's tables up to date. Safe to repeat, and to run from several places at once.")

  @Option(help: "The directory of the numbered .sql files; TICKETHUB_SQL_DIR.") var sql: String?

  func run() async throws {
    let settings = try await Settings()
    let migrations = Migrations(try files(in: sql ?? settings.sqlDirectory()))
    let pool = try settings.migratingPool()
    do {
      let applied = try await pool.withConnection { try await migrations.apply(on: $0) }
      for name in applied { print("applied \(name)") }
      if applied.isEmpty { print("nothing to do") }
      try await PartitioningCheck(
        own: settings.partitioning(), settings: PostgresSettings(pool), logger: settings.logger("migrate")
      ).expectAgreement()
    } catch let error as PostgresError {
      throw CommandFailure(error.message)
    } catch let error as StoreUnavailable {
      throw CommandFailure(error.description)
    }
  }

  private func files(in directory: String) throws -> [Migrations.Migration] {
    do throws(Errno) {
      return try fileNames(in: directory).filter { $0.hasSuffix(".sql") }.map { name throws(Errno) in
        // Repaired, it would be another script than the one that somebody wrote.
        guard let script = String(validating: try readFile("\(directory)/\(name)"), as: UTF8.self) else {
          throw .illegalByteSequence
        }
        return Migrations.Migration(name: name, script: script)
      }
    } catch {
      throw CommandFailure("the migrations in \(directory) can't be read: \(error)")
    }
  }
}
