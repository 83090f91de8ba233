import TestSupport
import Testing

/// What `compose/fuzz message` begins with; it checks the same of as many inputs as one likes.
struct CorpusTests {
  @Test func `every input of the fuzzer's corpus is what it should be`() throws {
    let inputs = try Corpus.inputs(of: "message")
    try #require(inputs.count > 10)
    for input in inputs {
      do {
        try FuzzTarget.check(input.bytes)
      } catch {
        Issue.record("\(input.name): \(error)")
      }
    }
  }
}
