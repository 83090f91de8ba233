public import Ticketing

/// Something that is stored otherwise than the journal, replayed, says.
public struct Difference: Hashable, Sendable, CustomStringConvertible {
  public var event: EventID
  /// The table or the part of the view, the row and the column: `reservations 17 status`.
  public var what: String
  public var stored: String
  /// What it should be.
  public var replayed: String

  public init(_ event: EventID, _ what: String, stored: String, replayed: String) {
    self.event = event
    self.what = what
    self.stored = stored
    self.replayed = replayed
  }

  public var description: String { "event \(event): \(what): stored \(stored), replayed \(replayed)" }
}

/// What a verification looked at and found.
public struct Findings: Sendable {
  /// How many differences are kept; the others are only counted.
  public static let maximumDifferences = 1000

  public internal(set) var events = 0
  public internal(set) var decisions = 0
  public internal(set) var reservations = 0
  /// Records of the view that were compared.
  public internal(set) var viewed = 0
  /// The first ones.
  public private(set) var differences: [Difference] = []
  public private(set) var differenceCount = 0
  /// Why the view could not be compared, or not to the end.
  public internal(set) var viewFailure: String?

  public init() {}

  mutating func differ(_ event: EventID, _ what: String, stored: String, replayed: String) {
    differenceCount += 1
    if differences.count < Self.maximumDifferences {
      differences.append(Difference(event, what, stored: stored, replayed: replayed))
    }
  }

  /// Notes a difference if these are not equal.
  mutating func compare<Value: Equatable>(
    _ event: EventID, _ what: @autoclosure () -> String, _ stored: Value, _ replayed: Value
  ) {
    if stored != replayed { differ(event, what(), stored: shown(stored), replayed: shown(replayed)) }
  }
}

/// A value in few words: bytes in hexadecimal, times in microseconds since 1970, nothing where there is none.
func shown(_ value: Any) -> String {
  if let bytes = value as? [UInt8], !bytes.isEmpty { return hexadecimal(bytes) }
  if let time = value as? Timestamp { return "\(time.microseconds) µs" }
  let mirror = Mirror(reflecting: value)
  if mirror.displayStyle == .optional { return mirror.children.first.map { shown($0.value) } ?? "nothing" }
  return "\(value)"
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
