/// An array that grows a piece at a time: it never copies what it has, nor keeps room for more than a piece. An `Array` doubles, so it
/// has up to twice the memory that it needs, and three times while it grows.
struct PiecewiseArray<Element: Sendable>: Sendable {
  /// A power of two, so that finding a place takes a shift and a mask.
  private static var pieceBits: Int { 9 }
  private static var pieceSize: Int { 1 << pieceBits }

  private var pieces: [[Element]] = []
  private(set) var count = 0

  subscript(index: Int) -> Element {
    get { pieces[index >> Self.pieceBits][index & (Self.pieceSize - 1)] }
    _modify { yield &pieces[index >> Self.pieceBits][index & (Self.pieceSize - 1)] }
  }

  mutating func append(_ element: Element) {
    if count == pieces.count * Self.pieceSize {
      var piece: [Element] = []
      piece.reserveCapacity(Self.pieceSize)
      pieces.append(piece)
    }
    pieces[pieces.count - 1].append(element)
    count += 1
  }
}
