/// A line chart as inline SVG: a few series over time, one axis of values from zero.
struct Chart {
  struct Series {
    var name: String
    /// A class of the page's style, which gives the colour in light and dark.
    var style: String
    /// Seconds, and the value there; nil interrupts the line.
    var points: [(at: Double, value: Double?)]
  }

  var title: String
  var unit: String
  var seconds: Double
  var series: [Series]

  private static let width = 860.0
  private static let height = 260.0
  private static let left = 64.0
  private static let right = 12.0
  private static let top = 12.0
  private static let bottom = 28.0

  func svg() -> String {
    let highest = series.flatMap(\.points).compactMap(\.value).max() ?? 0
    let top = Self.ceiling(highest)
    var svg = """
      <figure><figcaption>\(HTML.escape(title)) <small>\(HTML.escape(unit))</small></figcaption>
      <svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img" aria-label="\(HTML.escape(title))">\n
      """
    for step in 0...4 {
      let value = top * Double(step) / 4
      let y = Text.fixed(self.y(value, top), 1)
      svg += #"<line class="grid" x1="\#(Int(Self.left))" x2="\#(Int(Self.width - Self.right))" y1="\#(y)" y2="\#(y)"/>"#
      svg += #"<text class="tick" x="\#(Int(Self.left) - 8)" y="\#(y)" dy="4" text-anchor="end">\#(Self.label(value))</text>"#
      let at = seconds * Double(step) / 4
      let x = Text.fixed(self.x(at), 1)
      let anchor = step == 4 ? "end" : step == 0 ? "start" : "middle"
      let label = Text.fixed(at, seconds < 4 ? 2 : seconds < 100 ? 1 : 0)
      svg += #"<text class="tick" x="\#(x)" y="\#(Int(Self.height) - 8)" text-anchor="\#(anchor)">\#(label) s</text>"# + "\n"
    }
    for line in series { svg += "<path class=\"line \(line.style)\" d=\"\(path(line.points, top))\"/>\n" }
    let legend = series.map { "<span class=\"key \($0.style)\">\(HTML.escape($0.name))</span>" }.joined(separator: " ")
    return svg + "</svg><p class=\"legend\">\(legend)</p></figure>\n"
  }

  private func path(_ points: [(at: Double, value: Double?)], _ top: Double) -> String {
    var path = ""
    var isDrawing = false
    for point in points {
      guard let value = point.value else {
        isDrawing = false
        continue
      }
      path += "\(isDrawing ? "L" : "M")\(Text.fixed(x(point.at), 1)) \(Text.fixed(y(value, top), 1)) "
      // A point alone between gaps would be invisible without a length.
      if !isDrawing { path += "h0.1 " }
      isDrawing = true
    }
    return path.isEmpty ? "M0 0" : path
  }

  private func x(_ at: Double) -> Double { Self.left + at / max(seconds, 1e-9) * (Self.width - Self.left - Self.right) }

  private func y(_ value: Double, _ top: Double) -> Double {
    Self.height - Self.bottom - value / top * (Self.height - Self.top - Self.bottom)
  }

  /// The next of 1, 2, 4, 5, 8 and ten times those: ticks at quarters are round numbers.
  static func ceiling(_ value: Double) -> Double {
    guard value > 0 else { return 1 }
    var power = 0.001
    while power * 10 < value { power *= 10 }
    return ([1, 2, 4, 5, 8, 10].first { $0 * power >= value } ?? 10) * power
  }

  private static func label(_ value: Double) -> String {
    value == value.rounded() ? Text.count(Int(value)) : Text.fixed(value, value < 1 ? 3 : 2)
  }
}
