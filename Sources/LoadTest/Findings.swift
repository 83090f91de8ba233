/// What is wrong, as sentences. The first few of a kind in full, then how many more.
struct Findings {
  enum Kind: CaseIterable {
    case unfinished, unknownFate, unsettled
    case noOutcome, sharedReservation, sharedSequence, changedOutcome, unreadable
    case wrongTickets, seatTwice, seatUnknown, seatNotMarked, seatMarkedAlone, overLimit
    case counters
  }

  private var sentences: [Kind: [String]] = [:]
  private var counts: [Kind: Int] = [:]

  private static let inFull = 5

  mutating func add(_ kind: Kind, _ sentence: @autoclosure () -> String) {
    let count = counts[kind, default: 0]
    counts[kind] = count + 1
    if count < Self.inFull { sentences[kind, default: []].append(sentence()) }
  }

  var all: [String] {
    Kind.allCases.flatMap { kind -> [String] in
      let more = counts[kind, default: 0] - Self.inFull
      return sentences[kind, default: []] + (more > 0 ? ["… and \(Text.count(more)) more like the one above."] : [])
    }
  }
}
