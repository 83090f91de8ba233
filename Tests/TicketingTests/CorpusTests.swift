import TestSupport
import Testing

/// What `compose/fuzz core` begins with; it checks the same of as many inputs as one likes.
struct CorpusTests {
  @Test func `every input of the fuzzer's corpus is what it should be`() throws {
    let failures = try Corpus.failures(of: "core") { try FuzzTarget.check($0, closely: true) }
    #expect(failures == [])
  }
}
