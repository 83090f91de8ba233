import ArgumentParser
import Backends
import Gateway
import Pipeline
import Ticketing

/// `tickethub dead-letters`
struct DeadLettersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters", abstract: "What was set aside because no worker could decide it.",
    discussion: """
      A dead letter stops nothing and waits for as long as you like; so does whoever asked for the tickets. Replay it when the cause is
      mended: it is decided behind everything that waits now. Discard it when it can't be: its reservation is rejected as `discarded`.
      See runbooks/poisonous-command.md.
      """,
    subcommands: [List.self, Show.self, Replay.self, Discard.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List the dead letters that wait, the newest first.")

    @Flag(help: "Those that were replayed or discarded, too.") var all = false
    @Option(help: "How many at most.") var limit: Int = 100
    @Flag(help: "As JSON, a line each.") var json = false

    func validate() throws { guard limit > 0 else { throw ValidationError("--limit must be at least 1") } }

    func run() async throws {
      let letters = try await DeadLetterDesk().list(limit: limit, all: all)
      if json {
        for letter in letters { printLine(letter.json) }
      } else if letters.isEmpty {
        print(all ? "There are no dead letters." : "No dead letters wait.")
      } else {
        print(table(letters))
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show everything that is known of a dead letter, with its bytes.")

    @Argument(help: "Its id, as `list` shows it.") var id: String
    @Flag(help: "As JSON; the bytes in base64.") var json = false

    func run() async throws {
      let letter = try await DeadLetterDesk().letter(deadLetterID(id))
      if json { printLine(letter.json) } else { print(description(of: letter)) }
    }
  }

  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "replay", abstract: "Put dead letters back into their queues. Safe to repeat: a command is decided once.")

    @Argument(help: "Their ids.") var ids: [String] = []
    @Flag(help: "All that wait, the oldest first.") var all = false

    func validate() throws {
      guard all != !ids.isEmpty else { throw ValidationError("name the dead letters to replay, or say --all") }
    }

    func run() async throws {
      let desk = try await DeadLetterDesk()
      let ids = all ? try await desk.list(limit: .max, all: false).reversed().map(\.id) : try ids.map(deadLetterID)
      try await desk.carryOut(ids, "replayed") { letters, id async throws(DeadLetterFailure) -> String? in
        try await letters.replay(id)
        return nil
      }
      if all && ids.isEmpty { print("No dead letters wait.") }
    }
  }

  struct Discard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "discard", abstract: "Give dead letters up: their reservations are rejected as `discarded`. This is final.")

    @Argument(help: "Their ids.") var ids: [String]

    func run() async throws {
      try await DeadLetterDesk().carryOut(try ids.map(deadLetterID), "discarded") {
        letters, id async throws(DeadLetterFailure) -> String? in
        guard let event = try await letters.giveUp(id) else { return nil }
        return "there is no event \(event), so nobody can answer its customer, who goes on seeing the reservation as queued"
      }
    }
  }
}

/// The dead letters as the subcommands need them, with words for what goes wrong.
private struct DeadLetterDesk {
  private static let page = 100

  private let check: PartitioningCheck
  private let link: BrokerLink
  private let letters: PostgresDeadLetters

  init() async throws {
    let settings = try await Settings()
    let topology = try settings.topology()
    let logger = try settings.logger("dead-letters")
    let pool = try settings.pool("dead-letters", size: 1)
    let check = PartitioningCheck(own: topology.partitioning, settings: PostgresSettings(pool), logger: logger)
    do {
      try await check.expectAgreement()
    } catch let error as StoreUnavailable {
      throw CommandFailure(error.description)
    }
    self.check = check
    link = try settings.link("dead-letters", topology, logger)
    letters = PostgresDeadLetters(
      pool, publisher: RabbitCommandPublisher(link: link, topology: topology), partitioning: topology.partitioning)
  }

  func list(limit: Int, all: Bool) async throws -> [KeptDeadLetter] {
    var found: [KeptDeadLetter] = []
    var mark: PageMark?
    repeat {
      let page = try await reading { () async throws(StoreUnavailable) in try await letters.list(after: mark, limit: Self.page) }
      found += page.filter { all || !$0.status.isFinal }
      mark = page.count == Self.page ? page[Self.page - 1].pageMark : nil
    } while mark != nil && found.count < limit
    return Array(found.prefix(limit))
  }

  func letter(_ id: DeadLetterID) async throws -> KeptDeadLetter {
    guard let letter = try await reading({ () async throws(StoreUnavailable) in try await letters.letter(id) }) else {
      throw CommandFailure("there is no dead letter \(id)")
    }
    return letter
  }

  /// Does it to each, and says for each whether it is done. The rest goes on where one can't be.
  /// - Parameter action: gives what is to be said besides.
  func carryOut(
    _ ids: [DeadLetterID], _ done: String,
    _ action: (PostgresDeadLetters, DeadLetterID) async throws(DeadLetterFailure) -> String?
  ) async throws {
    var failures = 0
    for id in ids {
      do {
        // What is put into the queues of another number of partitions is confirmed, and nobody takes it.
        try await check.expectAgreement()
      } catch let error as StoreUnavailable {
        failures += 1
        printError("tickethub: \(id) is not \(done): \(error)\n")
        continue
      }
      do throws(DeadLetterFailure) {
        let remark = try await action(letters, id)
        print("\(id) \(done)\(remark.map { "; \($0)" } ?? "")")
      } catch {
        failures += 1
        switch error {
        case .unknown: printError("tickethub: there is no dead letter \(id)\n")
        case .settled(let status): printError("tickethub: \(id) is \(status.name) already\n")
        case .unavailable(let reason): printError("tickethub: \(id) is not \(done): \(reason)\n")
        }
      }
    }
    await link.close()
    if failures > 0 { throw ExitCode(1) }
  }

  private func reading<Value>(_ body: () async throws(StoreUnavailable) -> Value) async throws -> Value {
    do throws(StoreUnavailable) {
      return try await body()
    } catch {
      throw CommandFailure(error.description)
    }
  }
}

private func deadLetterID(_ text: String) throws -> DeadLetterID {
  guard let id = DeadLetterID(text) else {
    throw ValidationError("\(text) is no dead letter's id; `tickethub dead-letters list` shows them")
  }
  return id
}
