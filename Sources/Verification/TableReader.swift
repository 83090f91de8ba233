import Pipeline
import Ticketing

/// Reads a table from its first row to its last, so many rows at a time, and hands them out event by event. All tables are read in
/// the order of their events, so that one pass over each is enough, and what belongs to no event shows.
struct TableReader<Row: StoredRow>: Sendable {
  private let read: @Sendable (Row?) async throws(StoreUnavailable) -> [Row]
  private var rows: ArraySlice<Row> = []
  private var last: Row?
  private var isAtEnd = false

  init(_ read: @escaping @Sendable (Row?) async throws(StoreUnavailable) -> [Row]) { self.read = read }

  /// The next row of the table.
  mutating func next() async throws(StoreUnavailable) -> Row? {
    try await fill()
    return rows.popFirst()
  }

  /// The next row, if it belongs to this event and comes before what is wanted or is it.
  mutating func next(of event: EventID, if isDue: (Row) -> Bool) async throws(StoreUnavailable) -> Row? {
    try await fill()
    guard let row = rows.first, row.event == event, isDue(row) else { return nil }
    return rows.popFirst()
  }

  /// All rows of this event.
  mutating func all(of event: EventID) async throws(StoreUnavailable) -> [Row] {
    var found: [Row] = []
    while let row = try await next(of: event, if: { _ in true }) { found.append(row) }
    return found
  }

  /// The event's next rows, as many as were read at a time; none at their end.
  mutating func piece(of event: EventID) async throws(StoreUnavailable) -> ArraySlice<Row> {
    try await fill()
    let piece = rows.prefix { $0.event == event }
    rows = rows.dropFirst(piece.count)
    return piece
  }

  /// The next row of an event before this one: it has been passed over, so there is no such event.
  mutating func orphan(before event: EventID?) async throws(StoreUnavailable) -> Row? {
    try await fill()
    guard let row = rows.first, event.map({ row.event < $0 }) ?? true else { return nil }
    return rows.popFirst()
  }

  /// The reader with its next rows at hand: what follows is read while what came before is still worked at.
  func ahead() async -> Result<TableReader, StoreUnavailable> {
    var reader = self
    do throws(StoreUnavailable) {
      try await reader.fill()
      return .success(reader)
    } catch {
      return .failure(error)
    }
  }

  private mutating func fill() async throws(StoreUnavailable) {
    if !rows.isEmpty || isAtEnd { return }
    rows = try await read(last)[...]
    last = rows.last
    isAtEnd = rows.isEmpty
  }
}
