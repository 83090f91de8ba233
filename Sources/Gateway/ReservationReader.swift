import Pipeline
import Ticketing

/// Reads reservations for their customers: from the view, else from the database.
///
/// Those that ask for what is not in the view while the database is asked share the next look: whoever tries one id after the other, or
/// follows a link to a reservation that is long forgotten, costs little more than others.
struct ReservationReader: Sendable {
  private struct LookUp {
    var id: ReservationID
    /// Whether the view was asked before.
    var isMissedByView: Bool
  }

  private enum Finding {
    case found(ReservationRecord)
    case none
    /// There may be one.
    case unknown
  }

  let store: any ReservationStore
  let partitioning: Partitioning
  private let view: any ReservationView
  private let lookUps: LookUps<LookUp, Finding>

  /// - Parameter executor: where the database is asked, if it matters.
  init(
    view: any ReservationView, unnoted: UnnotedPartitions, store: any ReservationStore, partitioning: Partitioning,
    time: Timekeeper = .system, executor: (any TaskExecutor)? = nil
  ) {
    self.view = view
    self.store = store
    self.partitioning = partitioning
    lookUps = LookUps(time: time, executor: executor) { lookUps in
      // What is neither viewed nor decided is not queued either, where the view knows what is queued; and it must be asked for that
      // before the database is asked for the decision.
      var knowsWhatIsQueued = false
      if lookUps.contains(where: \.isMissedByView) {
        knowsWhatIsQueued = (try? await unnoted.knowsWhatIsQueued(partitioning)) ?? false
      }
      do throws(StoreUnavailable) {
        let records = try await store.reservations(Array(Set(lookUps.map(\.id))))
        let found = Dictionary(records.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return lookUps.map { lookUp in
          if let record = found[lookUp.id] { return .found(record) }
          return lookUp.isMissedByView && knowsWhatIsQueued ? .none : .unknown
        }
      } catch {
        return lookUps.map { _ in .unknown }
      }
    }
  }

  /// - Throws: `404` if there is none or it is another customer's, `503` if nobody can tell.
  func reservation(_ id: ReservationID, of customer: CustomerID) async throws -> ReservationRecord {
    let record = try await record(of: id)
    guard record.customer == customer else { throw Problem.notFound }
    return record
  }

  private func record(of id: ReservationID) async throws -> ReservationRecord {
    var isMissedByView = false
    do throws(ViewUnavailable) {
      if let record = try await view.reservation(id) { return record }
      isMissedByView = true
    } catch {
      // The database has those that are decided.
    }
    switch await lookUps.answer(to: LookUp(id: id, isMissedByView: isMissedByView)) {
    case .found(let record): return record
    case .none?: throw Problem.notFound
    case .unknown, nil: throw Problem(.unavailable, "This can't be read at the moment.", retryAfter: 2)
    }
  }
}
