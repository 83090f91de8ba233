/// The longest free run of each row of an event, and the first row with a run of some length without looking at each before it: a tree
/// whose nodes have the greater of their two children's values. Looking at each was a third of a decision's cost in a hall of 1,000
/// rows that was sold by half.
struct LongestRuns: Sendable {
  /// The root is at 1, the children of the node at n are at 2n and 2n + 1, and the rows are the leaves.
  private var nodes: [UInt16]
  private let firstLeaf: Int

  /// - Parameter count: how many rows there are; none has a free run.
  init(count: Int) {
    var leaves = 1
    while leaves < count { leaves *= 2 }
    nodes = Array(repeating: 0, count: 2 * leaves)
    firstLeaf = leaves
  }

  subscript(row: SeatPlan.RowIndex) -> Int {
    get { Int(nodes[firstLeaf + row]) }
    set {
      var node = firstLeaf + row
      nodes[node] = UInt16(clamping: newValue)
      while node > 1 {
        node /= 2
        let greater = max(nodes[2 * node], nodes[2 * node + 1])
        if nodes[node] == greater { return }
        nodes[node] = greater
      }
    }
  }

  /// The first of these rows that has a run of at least this length.
  func firstRow(of rows: Range<SeatPlan.RowIndex>, withRunOf length: Int) -> SeatPlan.RowIndex? {
    if rows.isEmpty { return nil }
    var node = firstLeaf + rows.lowerBound
    // Past one subtree without such a run after the other: the next begins right of the first node on the way up that is a left child.
    while Int(nodes[node]) < length {
      while node % 2 == 1 { node /= 2 }
      if node == 0 { return nil }
      node += 1
    }
    while node < firstLeaf {
      node *= 2
      if Int(nodes[node]) < length { node += 1 }
    }
    let row = node - firstLeaf
    return row < rows.upperBound ? row : nil
  }
}
