import TestSupport
import Testing

/// What `compose/fuzz message` begins with; it checks the same of as many inputs as one likes.
struct CorpusTests {
  @Test func `every input of the fuzzer's corpus is what it should be`() throws {
    let failures = try Corpus.failures(of: "message") { try FuzzTarget.check($0) }
    #expect(failures == [])
  }
}
