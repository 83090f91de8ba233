/// Numbers as people read them.
enum Text {
  /// 12,345
  static func count(_ value: Int) -> String {
    var text = ""
    for (index, digit) in String(value.magnitude).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + String(text.reversed())
  }

  /// 12.3, with so many decimals.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return "-" }
    var scale = 1
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int((value.magnitude * Double(scale)).rounded())
    let whole = (value < 0 && scaled > 0 ? "-" : "") + String(scaled / scale)
    guard decimals > 0 else { return whole }
    let fraction = String(scaled % scale)
    return whole + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
  }

  /// A time in milliseconds with three or so meaningful digits: 0.42 ms, 12.3 ms, 1,234 ms.
  static func milliseconds(_ value: Double) -> String {
    if value < 1 { return fixed(value, 2) + " ms" }
    if value < 100 { return fixed(value, 1) + " ms" }
    return count(Int(value.rounded())) + " ms"
  }

  /// `1 seat`, `2 seats`.
  static func plural(_ count: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(Self.count(count)) \(count == 1 ? noun : plural ?? noun + "s")"
  }

  static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
