/// The choice of seats for those who leave it to the house. Ties go to the lower seat number, so that the same history always
/// gives the same seats.
extension Inventory {
  /// The seats side by side, in the front-most row that has so many; in that row, a run that leaves no seat alone before one that
  /// does, then the most central, then the left-most. `nil` if no row has such a run.
  ///
  /// A run leaves a seat alone if, of the free seats that it is cut from, exactly one remains to its left or to its right.
  /// Whether it leaves one or two makes no difference. A seat that was alone before is not the run's doing and does not count.
  func bestRun(of quantity: Int, in section: SectionIndex) -> Range<SeatIndex>? {
    guard let row = longestRuns.firstRow(of: plan.rows(of: section), withRunOf: quantity) else { return nil }
    return bestPlacement(of: quantity, among: freeRuns(in: row), row: row)
      .map { SeatIndex($0.start)..<SeatIndex($0.start + quantity) }
  }

  /// The seats, ascending, for a party that has to be split: `quantity` seats are free in the section, but no run is so long.
  ///
  /// They come from as few runs as possible. Of all such choices, it is the one with the most seats in the front-most row, then
  /// in the row after it, and so on: the seats' rows, front to back, are the least possible sequence. Those who are seated last
  /// sit where, of that row's free runs that are left, the rules of ``bestRun(of:in:)`` put them.
  func fewestRuns(for quantity: Int, in section: SectionIndex) -> [SeatIndex] {
    var seats: [SeatIndex] = []
    var lengths = runLengths[section]
    var runsLeft = lengths.fewest(for: quantity)
    // A shorter run is of no use: even with the longest ones beside it, there would be too few seats. So rows that have no run of
    // this length are passed over unread. Their runs stay in `lengths`, but never are among the longest that are counted there.
    var shortest = quantity - lengths.total(ofLongest: runsLeft - 1)
    var rows = plan.rows(of: section)
    while seats.count < quantity, let row = longestRuns.firstRow(of: rows, withRunOf: shortest) {
      rows = row + 1..<rows.upperBound
      let runs = freeRuns(in: row).sorted { ($1.count, $0.lowerBound) < ($0.count, $1.lowerBound) }
      for run in runs { lengths.remove(run.count) }
      // As many of this row's runs as leave it possible to seat the others behind it. One at least does.
      var taken = min(runsLeft, runs.count)
      while seats.count + runs[..<taken].reduce(0, { $0 + $1.count }) + lengths.total(ofLongest: runsLeft - taken) < quantity {
        taken -= 1
      }
      // All are filled but the last, which may be longer than needed: else, one run less would have been enough.
      let filled = taken < runsLeft ? taken : taken - 1
      for run in runs[..<filled] { seats += SeatIndex(run.lowerBound)..<SeatIndex(run.upperBound) }
      let rest = quantity - seats.count
      if filled < taken, let last = bestPlacement(of: rest, among: runs[filled...], row: row) {
        seats += SeatIndex(last.start)..<SeatIndex(last.start + rest)
      }
      runsLeft -= taken
      shortest = quantity - seats.count - lengths.total(ofLongest: runsLeft - 1)
    }
    return seats.sorted()
  }

  /// Where in a row to put a party that sits together; `nil` if none of the runs is long enough.
  private func bestPlacement(of quantity: Int, among runs: some Sequence<Range<Int>>, row: SeatPlan.RowIndex) -> Placement? {
    let seats = plan.seats(inRow: row)
    let firstSeat = Int(seats.lowerBound)
    var best: Placement?
    for run in runs where run.count >= quantity {
      let lastStart = run.upperBound - quantity
      let mostCentral = min(max(firstSeat + (seats.count - quantity) / 2, run.lowerBound), lastStart)
      // Only the second start and the last but one leave a seat alone, and beside them are the first and the last. So the best is
      // never farther than one seat from the most central.
      for start in max(run.lowerBound, mostCentral - 1)...min(lastStart, mostCentral + 1) {
        let placement = Placement(
          leavesSeatAlone: start - run.lowerBound == 1 || lastStart - start == 1,
          offCentre: abs(2 * (start - firstSeat) + quantity - seats.count),
          start: start)
        best = best.map { min($0, placement) } ?? placement
      }
    }
    return best
  }
}

/// A party's place in a row; the lesser, the better.
private struct Placement: Comparable {
  var leavesSeatAlone: Bool
  /// From the row's middle to the party's, in half seats.
  var offCentre: Int
  /// The party's first seat.
  var start: Int

  static func < (left: Placement, right: Placement) -> Bool {
    (left.leavesSeatAlone ? 1 : 0, left.offCentre, left.start) < (right.leavesSeatAlone ? 1 : 0, right.offCentre, right.start)
  }
}
