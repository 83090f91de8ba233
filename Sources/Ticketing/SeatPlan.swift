/// Where every seat of an event is. Computed once from its sections, it answers both ways between a seat's number in the event,
/// its place (section, row, number) and its name, without keeping anything per seat.
public struct SeatPlan: Sendable {
  /// A seat's place.
  public struct Position: Hashable, Sendable {
    public var section: SectionIndex
    /// The row's place in its section, the front row being 0.
    public var row: Int
    /// As printed on the seat: from 1, left to right.
    public var number: Int

    public init(section: SectionIndex, row: Int, number: Int) {
      self.section = section
      self.row = row
      self.number = number
    }
  }

  /// A row of the event, counted through all its seated sections.
  typealias RowIndex = Int

  public let sections: [Section]
  /// The sections in the order of their ids.
  private let sectionsByID: [Int32]
  /// Of each section, and one more: where the next one's would begin.
  private let firstRows: [Int32]
  /// Each section's rows, in the order of their names.
  private let rowsByName: [Int32]
  private let rowSections: [Int32]
  /// The first seat of each row, and one more: the number of seats.
  private let rowStarts: [SeatIndex]
  /// The first block of each row, and one more. A block is a part of a row that no aisle cuts.
  private let firstBlocks: [Int32]
  /// The first seat of each block, and one more: the number of seats.
  private let blockStarts: [SeatIndex]

  /// Aisles that are not inside their row are ignored, as is a section whose id another has already.
  public init(_ sections: [Section]) {
    var firstRows: [Int32] = []
    var rowsByName: [Int32] = []
    var rowSections: [Int32] = []
    var rowStarts: [SeatIndex] = []
    var firstBlocks: [Int32] = []
    var blockStarts: [SeatIndex] = []
    var seats: SeatIndex = 0
    for (section, rows) in sections.map(\.rows).enumerated() {
      firstRows.append(Int32(rowStarts.count))
      rowsByName += rows.indices.sorted { (rows[$0].name, $0) < (rows[$1].name, $1) }.map(Int32.init)
      for row in rows {
        rowSections.append(Int32(section))
        rowStarts.append(seats)
        firstBlocks.append(Int32(blockStarts.count))
        if row.seats > 0 { blockStarts.append(seats) }
        for aisle in Set(row.aislesAfter).sorted() where 0 < aisle && aisle < row.seats {
          blockStarts.append(seats + SeatIndex(aisle))
        }
        seats += SeatIndex(max(0, row.seats))
      }
    }
    self.sections = sections
    self.sectionsByID = sections.indices.sorted { (sections[$0].id, $0) < (sections[$1].id, $1) }.map(Int32.init)
    self.firstRows = firstRows + [Int32(rowStarts.count)]
    self.rowsByName = rowsByName
    self.rowSections = rowSections
    self.rowStarts = rowStarts + [seats]
    self.firstBlocks = firstBlocks + [Int32(blockStarts.count)]
    self.blockStarts = blockStarts + [seats]
  }

  /// The number of seats of all seated sections.
  public var seatCount: Int { Int(rowStarts[rowStarts.count - 1]) }

  /// The section with this id (`block-a`), if there is one.
  public func section(withID id: String) -> SectionIndex? {
    // Most events have a handful, and comparing is cheap: to hash the id alone took longer.
    first(of: sections.count, from: 0, in: sectionsByID, named: id) { sections[$0].id }
  }

  /// How many tickets the section has in all.
  public func capacity(of section: SectionIndex) -> Int {
    switch sections[section].kind {
    case .generalAdmission(let capacity): max(0, capacity)
    case .seated: seats(of: section).count
    }
  }

  /// The section's seats, row by row; none in general admission.
  public func seats(of section: SectionIndex) -> Range<SeatIndex> {
    rowStarts[Int(firstRows[section])]..<rowStarts[Int(firstRows[section + 1])]
  }

  /// The seats of a row, which is counted from the section's front row, 0.
  public func seats(ofRow row: Int, in section: SectionIndex) -> Range<SeatIndex> {
    seats(inRow: Int(firstRows[section]) + row)
  }

  /// Where a seat is; `nil` if the event has no such seat.
  public func position(of seat: SeatIndex) -> Position? {
    guard contains(seat) else { return nil }
    let row = row(of: seat)
    let section = section(ofRow: row)
    return Position(section: section, row: row - Int(firstRows[section]), number: Int(seat - rowStarts[row]) + 1)
  }

  /// The seat at a place; `nil` if there is none.
  public func seat(at position: Position) -> SeatIndex? {
    guard sections.indices.contains(position.section) else { return nil }
    let rows = rows(of: position.section)
    guard (0..<rows.count).contains(position.row) else { return nil }
    let seats = seats(inRow: rows.lowerBound + position.row)
    guard (1...max(1, seats.count)).contains(position.number), !seats.isEmpty else { return nil }
    return seats.lowerBound + SeatIndex(position.number - 1)
  }

  /// A section's row by its name, counted from the front row, 0.
  public func row(named name: String, in section: SectionIndex) -> Int? {
    let rows = sections[section].rows
    return first(of: rows.count, from: Int(firstRows[section]), in: rowsByName, named: name) { rows[$0].name }
  }

  /// The first of so many things with this name. Behind `start`, `order` has them in the order of their names.
  private func first(
    of count: Int, from start: Int, in order: [Int32], named name: String, nameOf: (Int) -> String
  ) -> Int? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if nameOf(Int(order[start + middle])) < name { low = middle + 1 } else { high = middle }
    }
    guard low < count else { return nil }
    let found = Int(order[start + low])
    return nameOf(found) == name ? found : nil
  }
}

/// What the inventory asks of the plan: rows counted through the whole event, and their blocks.
extension SeatPlan {
  var rowCount: Int { rowSections.count }

  func contains(_ seat: SeatIndex) -> Bool { 0 <= seat && seat < rowStarts[rowStarts.count - 1] }

  func rows(of section: SectionIndex) -> Range<RowIndex> { Int(firstRows[section])..<Int(firstRows[section + 1]) }

  func seats(inRow row: RowIndex) -> Range<SeatIndex> { rowStarts[row]..<rowStarts[row + 1] }

  func section(ofRow row: RowIndex) -> SectionIndex { Int(rowSections[row]) }

  /// The last row that begins at or before the seat, which makes it one that has seats.
  func row(of seat: SeatIndex) -> RowIndex {
    var low = 0
    var high = rowSections.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if rowStarts[middle] <= seat { low = middle } else { high = middle }
    }
    return low
  }

  /// The runs of adjacent seats of a row that bear `letter`, left to right.
  func runs(of letter: UInt8, in row: RowIndex, letters: [UInt8]) -> SeatRuns {
    SeatRuns(
      of: letter, letters: letters, blockStarts: blockStarts, blocks: Int(firstBlocks[row])..<Int(firstBlocks[row + 1]))
  }
}

extension Section {
  /// Front row first; none in general admission.
  var rows: [Row] {
    switch kind {
    case .generalAdmission: []
    case .seated(let rows): rows
    }
  }
}
