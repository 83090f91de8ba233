import TestSupport
import Testing

/// What `compose/fuzz http` begins with; it checks the same of as many inputs as one likes.
struct CorpusTests {
  @Test func `every input of the fuzzer's corpus is what it should be`() throws {
    let failures = try Corpus.failures(of: "http") { try FuzzTarget.check($0) }
    #expect(failures == [])
  }
}
