/// The longest possible runs of adjacent seats that bear the same letter, left to right, cut by aisles.
struct SeatRuns: Sequence, IteratorProtocol {
  private let letter: UInt8
  private let letters: [UInt8]
  private let blockStarts: [SeatIndex]
  private let lastBlock: Int
  private var block: Int
  private var seat: Int

  /// - Parameter blocks: Those of one row. One begins where the one before it ends.
  init(of letter: UInt8, letters: [UInt8], blockStarts: [SeatIndex], blocks: Range<Int>) {
    self.letter = letter
    self.letters = letters
    self.blockStarts = blockStarts
    self.block = blocks.lowerBound
    self.lastBlock = blocks.upperBound
    self.seat = Int(blockStarts[blocks.lowerBound])
  }

  mutating func next() -> Range<Int>? {
    while block < lastBlock {
      let end = Int(blockStarts[block + 1])
      while seat < end && letters[seat] != letter { seat += 1 }
      let start = seat
      while seat < end && letters[seat] == letter { seat += 1 }
      if seat == end { block += 1 }
      if start < seat { return start..<seat }
    }
    return nil
  }
}
