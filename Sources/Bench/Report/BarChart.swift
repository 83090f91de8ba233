/// Medians as bars on one scale from zero, each with the range of its runs and its goal.
struct BarChart {
  var lines: [Results.Line]

  private static let width = 860.0
  private static let left = 300.0
  private static let right = 90.0
  private static let step = 26.0

  /// Empty for a single bar, which would show nothing.
  func svg() -> String {
    let drawn = lines.compactMap { line in line.summary.map { (line.figure, $0) } }
    let highest = drawn.map { max($0.1.maximum, $0.0.bound ?? 0) }.max() ?? 0
    if drawn.count < 2 || highest <= 0 { return "" }
    let height = Int(Self.step * Double(drawn.count)) + 6
    var svg = #"<svg viewBox="0 0 \#(Int(Self.width)) \#(height)" role="img">"# + "\n"
    for (index, (figure, summary)) in drawn.enumerated() {
      let y = Self.step * Double(index) + 4
      let middle = y + 9
      svg += #"<text x="0" y="\#(middle + 5)">\#(escaped(figure.title))</text>"#
      svg += #"<rect class="bar" x="\#(Self.left)" y="\#(y)" width="\#(length(summary.median, highest))" height="18"/>"#
      svg += rule("range", summary.minimum, summary.maximum, highest, middle)
      if let bound = figure.bound {
        let x = Self.left + length(bound, highest)
        svg += #"<line class="goal" x1="\#(x)" x2="\#(x)" y1="\#(y - 2)" y2="\#(y + 20)"/>"#
      }
      let end = Self.left + length(max(summary.maximum, figure.bound ?? 0), highest) + 8
      svg +=
        #"<text class="soft" x="\#(end)" y="\#(middle + 5)">\#(Text.number(summary.median)) \#(escaped(figure.unit))</text>"#
        + "\n"
    }
    return svg + "</svg>\n"
  }

  private func rule(_ style: String, _ from: Double, _ to: Double, _ highest: Double, _ y: Double) -> String {
    let (start, end) = (Self.left + length(from, highest), Self.left + length(to, highest))
    return #"<line class="\#(style)" x1="\#(start)" x2="\#(end)" y1="\#(y)" y2="\#(y)"/>"#
  }

  private func length(_ value: Double, _ highest: Double) -> Double {
    ((Self.width - Self.left - Self.right) * max(0, value) / highest * 10).rounded() / 10
  }
}

extension Figure {
  fileprivate var bound: Double? {
    switch goal {
    case .atLeast(let bound), .atMost(let bound): bound
    case nil: nil
    }
  }
}
