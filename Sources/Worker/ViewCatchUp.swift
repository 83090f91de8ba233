import Logging
import Pipeline
import Ticketing

/// Brings the view of an event to where the journal is, piece by piece, while decisions go on.
///
/// Each piece is written only if the view still is at the version that the piece begins at, so any number of processes may do this at
/// the same time: none replaces what is newer.
struct ViewCatchUp: Sendable {
  /// How many decisions are read from the journal at a time. Redis is busy with so many for some milliseconds.
  static let piece = 2000

  enum Outcome {
    /// The view has all that the journal had.
    case shown
    /// The view is at another version than was said, or has moved meanwhile: more may be lacking.
    case moved
    /// The journal is away.
    case away
    /// What the journal has of the event can't be read.
    case unreadable
  }

  let view: any Projection
  let journal: any Journal
  let partitioning: Partitioning
  let logger: Logger
  var piece = Self.piece

  /// Projects what the view lacks of an event.
  /// - Parameters:
  ///   - version: the view's.
  ///   - onProgress: told how many more decisions are shown.
  func catchUp(
    _ event: EventID, from version: Int64, onProgress: (Int) -> Void = { _ in }
  ) async throws(ViewUnavailable) -> Outcome {
    let partition = partitioning.partition(of: event)
    var version = version
    var read: Result<JournalChanges, JournalFailure>? = await changes(of: event, after: version)
    while case .success(let changes)? = read {
      if changes.toVersion <= version { return .shown }
      // The next piece is read while this one is written.
      async let next = changes.present == nil ? self.changes(of: event, after: changes.toVersion) : nil
      let change = ViewChange(
        event: event, fromVersion: version, toVersion: changes.toVersion, reservations: changes.reservations,
        listed: changes.forgotten, availability: changes.present?.availability, seats: .all(changes.present?.seats ?? []),
        writesCustomersLists: true)
      guard try await view.project([change], partition: partition, progress: nil) == [.done] else { return .moved }
      onProgress(Int(changes.toVersion - version))
      version = changes.toVersion
      if changes.present != nil {
        logger.info("the view has caught up", metadata: ["event": "\(event)", "version": "\(version)"])
        return .shown
      }
      read = await next
    }
    guard case .failure(.refused(let reason))? = read else { return .away }
    logger.error("what happened to an event can't be read", metadata: ["event": "\(event)", "reason": "\(reason)"])
    return .unreadable
  }

  private func changes(of event: EventID, after version: Int64) async -> Result<JournalChanges, JournalFailure> {
    do throws(JournalFailure) {
      return .success(try await journal.changes(of: event, after: version, limit: piece))
    } catch {
      if case .unavailable(let reason) = error {
        logger.warning("the journal is away; the view waits", metadata: ["reason": "\(reason)"])
      }
      return .failure(error)
    }
  }
}
