import TestSupport
import Testing

/// The simulator as a command of its own: it has to be started with hashing that is the same each time.
@Suite(.serialized) struct SimulationTests {
  private func simulate(_ arguments: String...) async throws -> (output: String, isSuccess: Bool) {
    try await outcome(of: ["\(Checkout.products)/simulate"] + arguments)
  }

  /// What happened in each world, without the line that says how long it took.
  private func hashes(from seed: Int) async throws -> [Substring] {
    let run = try await simulate("--seeds", "40", "--first", "\(seed)", "--hashes")
    return run.output.split(separator: "\n").filter { $0.split(separator: " ").count == 2 }
  }

  @Test func `the same seed is the same world, to the microsecond`() async throws {
    let first = try await hashes(from: 100)
    #expect(first.count == 40 && Set(first.map { $0.split(separator: " ")[1] }).count == 40)
    #expect(try await hashes(from: 100) == first)
  }

  @Test(.timeLimit(.minutes(2))) func `a faultless sale is faultless`() async throws {
    let run = try await simulate("--seeds", "200", "--faultless")
    #expect(run.isSuccess, "\(run.output)")
    print(run.output)
  }

  @Test(.timeLimit(.minutes(5))) func `nothing is lost and nothing sold twice, whatever goes wrong`() async throws {
    async let other = simulate("--seeds", "1000", "--first", "1001")
    for run in [try await simulate("--seeds", "1000"), try await other] {
      #expect(run.isSuccess, "\(run.output)")
      print(run.output)
    }
  }

  /// Where a defect takes hundreds of seeds to be noticed, the search begins shortly before the one that notices it.
  @Test(
    .timeLimit(.minutes(3)),
    arguments: [
      "acknowledgeBeforeCommit": 1, "acknowledgeTooFar": 1, "skipVersionCheck": 1, "forgetDeduplication": 1,
      "ignoreRedelivered": 1,
      "requeueWithNack": 1, "cancelBeforeHandOver": 1, "projectWithoutVersion": 1, "expireByTheWrongClock": 1,
      "dropBatchMates": 1,
      "treatUnknownAsRefused": 1, "loseRestOfBatch": 1, "keepCacheAfterConflict": 1, "neverReview": 1, "withdrawAccepted": 1,
      "withdrawOthers": 291, "keepStaleView": 1751, "trustListings": 81, "keepRepeatedNotes": 421,
      "forgetBacklog": 1, "tornTransaction": 1,
      "forgetExpiries": 1, "dropHeadOfFullQueue": 1, "publishWithoutMandatory": 1,
    ])
  func `a defect is noticed`(_ defect: String, first: Int) async throws {
    let run = try await simulate("--seeds", "2000", "--first", "\(first)", "--brief", "--defect", defect)
    #expect(!run.isSuccess && run.output.contains("fails after"), "\(defect): \(run.output)")
    print("\(defect): \(run.output.split(separator: "\n").first { $0.hasPrefix("seed") } ?? "not noticed")")
  }
}
