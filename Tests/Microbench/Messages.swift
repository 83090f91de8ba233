import Pipeline
import Ticketing

extension Microbenchmark {
  /// What the queue carries and the journal keeps.
  static let messages =
    [1, 16, 256].flatMap { count in
      [
        Microbenchmark("message: write \(count)", iterations: max(100, 1000 / count)) {
          let commands = (0..<count).map(queuedCommand)
          return { keep(CommandMessage.encode(commands)) }
        },
        Microbenchmark("message: read \(count)", iterations: max(100, 1000 / count)) {
          let bytes = CommandMessage.encode((0..<count).map(queuedCommand))
          return { keep(try? CommandMessage.decode(bytes)) }
        },
      ]
    } + [
      Microbenchmark("journal: an entry, with its hash") {
        let decision = Decision(
          version: 17, command: queuedCommand(0).command, decidedAt: present,
          outcome: .held(.places(section: 0, quantity: 2), expiresAt: present.adding(seconds: 600)))
        let head = HashChain.origin(of: sample.event)
        return { keep(JournalEntry(decision, after: head, sequence: 17)) }
      },
      Microbenchmark("journal: a hash") {
        let entry = JournalEntry(
          Decision(version: 17, command: queuedCommand(0).command, decidedAt: present, outcome: .released),
          after: HashChain.origin(of: sample.event), sequence: 17)
        return {
          keep(
            HashChain.next(
              after: entry.hash, version: 18, decidedAt: present, command: entry.command, outcome: entry.outcome))
        }
      },
    ]
}
