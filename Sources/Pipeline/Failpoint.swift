import Glibc

/// A place at which a test can have the process die or hang, to show that nothing is lost there.
///
/// `TICKETHUB_FAILPOINTS` arms them, when the process starts: `worker.before-commit=crash:3,worker.before-projection=stop:1` kills the
/// process when it comes to its third commit, and stops it at its first projection. Without the variable, passing a place costs a look
/// at a constant.
public enum Failpoint: String, CaseIterable, Sendable {
  /// A batch is decided and not yet committed.
  case beforeCommit = "worker.before-commit"
  /// It is committed, and nobody has been told.
  case afterCommit = "worker.after-commit"
  /// The view does not show it yet.
  case beforeProjection = "worker.before-projection"
  /// The view shows it, and the broker will deliver its commands again.
  case beforeAcknowledgement = "worker.before-acknowledgement"
  /// The broker has a request, and its client has no answer.
  case beforeAnswer = "gateway.before-answer"

  /// Does what this place is armed for, if it is, and this is the time.
  public func pass() {
    guard let armed = Self.armed else { return }
    armed.pass(self)
  }

  private static let armed = getenv("TICKETHUB_FAILPOINTS").map { text in
    guard let armed = ArmedFailpoints(String(cString: text)) else {
      let places = allCases.map(\.rawValue).joined(separator: ", ")
      fatalError("TICKETHUB_FAILPOINTS is PLACE=crash:COUNT or PLACE=stop:COUNT, where PLACE is one of \(places)")
    }
    return armed
  }
}
