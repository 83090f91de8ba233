/// What is free and what is not: a counter per section and a letter per seat. Beside them it keeps what makes a choice quick: the
/// longest free run of every row, and how many free runs of which length a section has.
struct Inventory: Sendable {
  static let free = UInt8(ascii: "a")
  static let held = UInt8(ascii: "h")

  let plan: SeatPlan
  /// By section.
  private(set) var available: [Int]
  /// By seat, as the seat map shows it.
  private(set) var letters: [UInt8]
  /// By row.
  private(set) var longestRuns: LongestRuns
  /// By section: how many free runs there are of each length that matters when a party has to be split.
  private(set) var runLengths: [RunLengths]

  /// With everything free.
  init(_ plan: SeatPlan) {
    self.plan = plan
    available = plan.sections.indices.map(plan.capacity)
    letters = Array(repeating: Inventory.free, count: plan.seatCount)
    longestRuns = LongestRuns(count: plan.rowCount)
    runLengths = plan.sections.map { _ in RunLengths() }
    for row in 0..<plan.rowCount { addRuns(of: row) }
  }

  func freeRuns(in row: SeatPlan.RowIndex) -> SeatRuns {
    plan.runs(of: Inventory.free, in: row, letters: letters)
  }

  /// The tickets must be free.
  mutating func take(_ allocation: Allocation) {
    switch allocation {
    case .places(let section, let quantity): available[section] -= quantity
    case .seats(let seats): mark(seats, Inventory.held, change: -1)
    }
  }

  /// The tickets must have been taken.
  mutating func giveBack(_ allocation: Allocation) {
    switch allocation {
    case .places(let section, let quantity): available[section] += quantity
    case .seats(let seats): mark(seats, Inventory.free, change: 1)
    }
  }

  /// Goes row by row, so that a row's runs are counted once, however many of its seats change. The seats are ascending.
  private mutating func mark(_ seats: [SeatIndex], _ letter: UInt8, change: Int) {
    var next = 0
    while next < seats.count {
      let row = plan.row(of: seats[next])
      let section = plan.section(ofRow: row)
      let rowEnd = plan.seats(inRow: row).upperBound
      for run in freeRuns(in: row) { runLengths[section].remove(run.count) }
      while next < seats.count && seats[next] < rowEnd {
        letters[Int(seats[next])] = letter
        available[section] += change
        next += 1
      }
      addRuns(of: row)
    }
  }

  private mutating func addRuns(of row: SeatPlan.RowIndex) {
    let section = plan.section(ofRow: row)
    var longest = 0
    for run in freeRuns(in: row) {
      longest = max(longest, run.count)
      runLengths[section].add(run.count)
    }
    longestRuns[row] = longest
  }
}

/// How many free runs there are of each length. Only those count that are shorter than the largest party: with a longer one free,
/// no party has to be split.
struct RunLengths: Sendable {
  private var counts: [Int32] = Array(repeating: 0, count: Selection.quantities.upperBound)

  mutating func add(_ length: Int) {
    if length < counts.count { counts[length] += 1 }
  }

  mutating func remove(_ length: Int) {
    if length < counts.count { counts[length] -= 1 }
  }

  /// How many seats the `runs` longest have together.
  func total(ofLongest runs: Int) -> Int {
    var left = runs
    var total = 0
    var length = counts.count - 1
    while left > 0 && length > 0 {
      let taken = min(left, Int(counts[length]))
      total += taken * length
      left -= taken
      length -= 1
    }
    return total
  }

  /// How many runs it takes, at least, to have `quantity` seats. There must be so many.
  func fewest(for quantity: Int) -> Int {
    var left = quantity
    var runs = 0
    var length = counts.count - 1
    while left > 0 && length > 0 {
      let taken = min((left + length - 1) / length, Int(counts[length]))
      left -= taken * length
      runs += taken
      length -= 1
    }
    return runs
  }
}
