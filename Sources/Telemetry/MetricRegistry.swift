import Synchronization

/// A process's metrics, and their text for Prometheus (exposition format 0.0.4).
///
/// Names follow Prometheus' conventions: the prefix `tickethub_`, base units, `_total` for counters.
public final class MetricRegistry: Sendable {
  /// The media type of ``text``.
  public static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

  private struct Family: Sendable {
    var help: String
    var type: String
    /// By their labels as the text has them.
    var counters: [String: Counter] = [:]
    var read: (@Sendable () -> [(labels: [(String, String)], value: Double)])?
  }

  private let families = Mutex<[String: Family]>([:])

  public init() {}

  /// The counter of this name and these labels: the same one each time. Ask once and keep it.
  public func counter(_ name: String, help: String, labels: [(String, String)] = []) -> Counter {
    families.withLock { families in
      let key = Self.text(of: labels)
      if let known = families[name]?.counters[key] { return known }
      let counter = Counter()
      families[name, default: Family(help: help, type: "counter")].counters[key] = counter
      return counter
    }
  }

  /// A gauge without labels, read whenever somebody asks.
  public func gauge(_ name: String, help: String, read: @escaping @Sendable () -> Double) {
    gauges(name, help: help) { [([], read())] }
  }

  /// Gauges that differ by their labels, read whenever somebody asks.
  public func gauges(
    _ name: String, help: String, read: @escaping @Sendable () -> [(labels: [(String, String)], value: Double)]
  ) {
    families.withLock { $0[name] = Family(help: help, type: "gauge", read: read) }
  }

  /// All metrics, sorted by their names.
  public var text: String {
    var text = ""
    for (name, family) in families.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
      text += "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.type)\n"
      for (labels, counter) in family.counters.sorted(by: { $0.key < $1.key }) { text += "\(name)\(labels) \(counter.value)\n" }
      for (labels, value) in family.read?() ?? [] { text += "\(name)\(Self.text(of: labels)) \(value)\n" }
    }
    return text
  }

  private static func text(of labels: [(String, String)]) -> String {
    if labels.isEmpty { return "" }
    return "{" + labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",") + "}"
  }

  private static func escaped(_ value: String) -> String {
    value.reduce(into: "") { text, character in
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.append(character)
      }
    }
  }
}
