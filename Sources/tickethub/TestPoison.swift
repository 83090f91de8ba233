import Glibc
import Ticketing

/// What tests have a worker do when it comes to commands that are harmless in truth: `crash:<command id>` or `hang:<command id>`, with
/// commas between them. Nil, as it always is outside of tests, costs a worker nothing.
/// - Throws: for anything else.
func testPoison(_ text: String?) throws -> (@Sendable (Command) -> Void)? {
  guard let text, !text.isEmpty else { return nil }
  var crashing: Set<CommandID> = []
  var hanging: Set<CommandID> = []
  for part in text.split(separator: ",") {
    let words = part.split(separator: ":")
    guard words.count == 2, let id = CommandID(words[1]) else { throw CommandFailure("TICKETHUB_TEST_POISON is \(text)") }
    switch words[0] {
    case "crash": crashing.insert(id)
    case "hang": hanging.insert(id)
    default: throw CommandFailure("TICKETHUB_TEST_POISON is \(text)")
    }
  }
  return { [crashing, hanging] command in
    // It has the id of what it ends, and is another decision.
    if case .discard = command.action { return }
    if crashing.contains(command.id) { abort() }
    while hanging.contains(command.id) { usleep(10_000) }
  }
}
