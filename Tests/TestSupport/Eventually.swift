/// What ``eventually(within:_:_:)`` waited for did not happen.
public struct DidNotHappen: Error, CustomStringConvertible {
  /// What was awaited, for how long, and why the last look failed if it did.
  public let description: String
}

/// Waits until a condition holds, by looking again and again. Only for what nothing announces: a signal is always better.
///
/// - Parameters:
///   - limit: How long at most.
///   - what: The condition in words, for the failure.
///   - condition: An error thrown counts as "not yet", since a server that is about to come back refuses until then.
/// - Throws: ``DidNotHappen``, or `CancellationError`.
public func eventually(
  within limit: Duration = .seconds(60), _ what: String, _ condition: () async throws -> Bool
) async throws {
  let clock = ContinuousClock()
  let deadline = clock.now + limit
  var lastError: (any Error)?
  repeat {
    do {
      if try await condition() { return }
      lastError = nil
    } catch {
      lastError = error
    }
    try await clock.sleep(for: .milliseconds(20))
  } while clock.now < deadline
  throw DidNotHappen(description: "not within \(limit): \(what)\(lastError.map { "; the last look failed: \($0)" } ?? "")")
}
