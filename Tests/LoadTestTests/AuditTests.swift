import LoadTest
import Testing

/// A lie of the server, and words of the sentence that gives it away.
struct Lie: Sendable, CustomTestStringConvertible {
  var name: String
  var words: String
  var tell: @Sendable (inout Behaviour) -> Void

  init(_ name: String, _ words: String, _ tell: @escaping @Sendable (inout Behaviour) -> Void) {
    (self.name, self.words, self.tell) = (name, words, tell)
  }

  var testDescription: String { name }

  static let all = [
    Lie("loses an outcome", "has no outcome") { $0.losesOutcome = true },
    Lie("gives a seat twice", "was given twice") { $0.givesSeatTwice = true },
    Lie("counts one too many", "taken; the reservations have") { $0.countsOneTooMany = true },
    Lie("sums wrongly", "is not the capacity") { $0.sumsWrongly = true },
    Lie("marks a seat that nobody has", "no reservation of this run has it") { $0.marksSeatOfNobody = true },
    Lie("forgets to mark a seat", "which the seat map shows as available") { $0.forgetsToMark = true },
    Lie("gives two requests one reservation", "were given the same reservation") { $0.repeatsReservation = true },
    Lie("gives two decisions one place", "the same place 1") { $0.repeatsSequence = true },
    Lie("changes an outcome", "though nobody asked for it") { $0.changesOutcome = true },
    Lie("gives a ticket less than asked for", "asked for") { $0.givesOneTicketLess = true },
    Lie("never shows the decisions in the counts", "still at version 0") { $0.staysAtVersionZero = true },
    Lie("forgets a reservation", "could not be read again") { $0.dropsReservation = true },
    Lie("gives a customer too many tickets", "the limit is 8") { $0.ignoresLimit = true },
  ]
}

@Suite(.serialized) struct AuditTests {
  @Test(arguments: Lie.all) func `the audit notices a server that`(_ lie: Lie) async throws {
    var behaviour = Behaviour()
    lie.tell(&behaviour)
    let report = try await withFake(behaviour) { _, url in
      var plan = plan(url, requests: 60)
      plan.requestsPerCustomer = 6
      plan.namedSeatsShare = 0
      (plan.following, plan.outcomeTimeout, plan.settleTimeout) = (.wait(seconds: 1), .seconds(1), .seconds(1))
      return try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(!report.passed)
    #expect(report.findings.contains { $0.contains(lie.words) }, "\(report.findings)")
    #expect(report.text().contains("AUDIT FAILED"))
  }

  @Test func `the same server passes when it does not lie`() async throws {
    let report = try await withFake { _, url in
      var plan = plan(url, requests: 60)
      plan.requestsPerCustomer = 6
      plan.namedSeatsShare = 0
      return try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(report.findings == [])
  }

  @Test func `one lost outcome does not keep the others from being seen`() async throws {
    var behaviour = Behaviour()
    behaviour.losesOutcome = true
    let report = try await withFake(behaviour) { _, url in
      var plan = plan(url)
      (plan.followers, plan.following) = (1, .wait(seconds: 1))
      (plan.outcomeTimeout, plan.settleTimeout) = (.seconds(3), .seconds(1))
      return try await runLoad(plan, credentials: credentials) { _ in }
    }
    #expect(report.outcomes.undecided == 1)
  }

  @Test func `an event whose seat maps cannot be read is not sold at all`() async throws {
    var behaviour = Behaviour()
    behaviour.hidesSeatMaps = true
    let error = await #expect(throws: LoadError.self) {
      try await withFake(behaviour) { _, url in try await runLoad(plan(url), credentials: credentials) { _ in } }
    }
    #expect(error?.description.contains("The seat map of stalls could not be read") == true)
  }
}
