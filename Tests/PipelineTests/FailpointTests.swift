import Testing

@testable import Pipeline

@Suite struct FailpointTests {
  @Test func `an armed place acts at the time that was asked for, once, and no other does`() throws {
    let armed = try #require(ArmedFailpoints("worker.before-commit=crash:3,worker.before-projection=stop:1"))
    #expect(armed.action(at: .beforeCommit) == nil)
    #expect(armed.action(at: .beforeProjection) == .stop)
    #expect(armed.action(at: .afterCommit) == nil)
    #expect(armed.action(at: .beforeCommit) == nil)
    #expect(armed.action(at: .beforeCommit) == .crash)
    for place in Failpoint.allCases { #expect(armed.action(at: place) == nil) }
  }

  @Test(arguments: [
    "nowhere=crash:1", "worker.before-commit", "worker.before-commit=crash", "worker.before-commit=explode:1",
    "worker.before-commit=crash:0", "worker.before-commit=crash:x",
  ])
  func `what means nothing is not taken for something`(_ text: String) {
    #expect(ArmedFailpoints(text) == nil)
  }
}
