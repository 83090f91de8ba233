import Ticketing

/// Something wrong with a body or a parameter.
struct FieldError: Hashable, Sendable {
  /// A JSON Pointer into the body (RFC 6901), or the parameter's name.
  var pointer: String
  var detail: String
}

/// A place in a body (RFC 6901). It becomes a text only where something is wrong there, which is nearly never: the texts took half of
/// what reading a request for tickets cost.
indirect enum JSONPointer: CustomStringConvertible, Sendable {
  case root
  case member(JSONPointer, String)
  case element(JSONPointer, Int)

  var description: String {
    switch self {
    case .root: ""
    case .member(let object, let key):
      "\(object)/\(key.replacing("~", with: "~0").replacing("/", with: "~1"))"
    case .element(let array, let index): "\(array)/\(index)"
    }
  }
}

/// Reads one object of a body against the contract and gathers all that is wrong with it, so that a client is told everything at once.
struct Body {
  private let pointer: JSONPointer
  private let members: [(key: String, value: JSONValue)]
  private let errors: Errors

  /// Shared by an object and those inside it.
  final class Errors {
    fileprivate(set) var found: [FieldError] = []
    /// More than this many are not reported: enough to mend a form, too few to be a burden.
    static let maximum = 50

    func add(_ pointer: some CustomStringConvertible, _ detail: String) {
      if found.count < Self.maximum { found.append(FieldError(pointer: pointer.description, detail: detail)) }
    }
  }

  /// - Parameter keys: all that the contract knows; any other is an error.
  init?(_ value: JSONValue, at pointer: JSONPointer = .root, keys: [String], _ errors: Errors) {
    guard case .object(let members) = value else {
      errors.add(pointer, "must be an object, not \(value.kind)")
      return nil
    }
    self.pointer = pointer
    self.members = members
    self.errors = errors
    for member in members where !keys.contains(member.key) { errors.add(path(member.key), "is not known here") }
  }

  func path(_ key: String) -> JSONPointer { .member(pointer, key) }

  func value(_ key: String) -> JSONValue? { members.first { $0.key == key }?.value }

  func require(_ key: String) -> JSONValue? {
    let value = value(key)
    if value == nil { errors.add(path(key), "is required") }
    return value
  }

  func fail(_ key: String, _ detail: String) { errors.add(path(key), detail) }

  // MARK: Strings

  func string(_ key: String, length: ClosedRange<Int>) -> String? {
    require(key).flatMap { string($0, at: path(key), length: length) }
  }

  func optionalString(_ key: String, length: ClosedRange<Int>) -> String? {
    value(key).flatMap { string($0, at: path(key), length: length) }
  }

  func string(_ value: JSONValue, at pointer: @autoclosure () -> JSONPointer, length: ClosedRange<Int>) -> String? {
    guard case .string(let text) = value else {
      errors.add(pointer(), "must be a string, not \(value.kind)")
      return nil
    }
    guard length.contains(text.unicodeScalars.count) else {
      errors.add(pointer(), "must have \(length.lowerBound) to \(length.upperBound) characters")
      return nil
    }
    guard !text.utf8.contains(0) else {
      errors.add(pointer(), "must not contain the character U+0000")
      return nil
    }
    return text
  }

  /// One of these words.
  func word(_ key: String, among words: [String]) -> String? {
    guard let value = value(key) else { return nil }
    guard case .string(let text) = value, words.contains(text) else {
      fail(key, "must be one of \(words.joined(separator: ", "))")
      return nil
    }
    return text
  }

  func time(_ key: String) -> Timestamp? { require(key).flatMap { time($0, key) } }

  func optionalTime(_ key: String) -> Timestamp? { value(key).flatMap { time($0, key) } }

  private func time(_ value: JSONValue, _ key: String) -> Timestamp? {
    guard case .string(let text) = value, let time = Timestamp(rfc3339: text) else {
      fail(key, "must be a time such as 2030-06-01T18:00:00Z")
      return nil
    }
    return time
  }

  // MARK: Numbers and booleans

  func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
    require(key).flatMap { integer($0, at: path(key), in: range) }
  }

  func integer(_ key: String, in range: ClosedRange<Int>, default fallback: Int) -> Int {
    value(key).flatMap { integer($0, at: path(key), in: range) } ?? fallback
  }

  func integer(_ value: JSONValue, at pointer: @autoclosure () -> JSONPointer, in range: ClosedRange<Int>) -> Int? {
    guard case .integer(let number) = value, let number = Int(exactly: number), range.contains(number) else {
      errors.add(pointer(), "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return number
  }

  func bool(_ key: String, default fallback: Bool) -> Bool {
    guard let value = value(key) else { return fallback }
    guard case .bool(let bool) = value else {
      fail(key, "must be true or false")
      return fallback
    }
    return bool
  }

  // MARK: Arrays and objects

  /// The elements with their pointers; empty, after an error, for anything else.
  func array(_ key: String, count: ClosedRange<Int>) -> [(value: JSONValue, pointer: JSONPointer)] {
    guard let value = require(key) else { return [] }
    return elements(value, key, count)
  }

  func optionalArray(_ key: String, count: ClosedRange<Int>) -> [(value: JSONValue, pointer: JSONPointer)] {
    value(key).map { elements($0, key, count) } ?? []
  }

  private func elements(
    _ value: JSONValue, _ key: String, _ count: ClosedRange<Int>
  ) -> [(value: JSONValue, pointer: JSONPointer)] {
    guard case .array(let elements) = value else {
      fail(key, "must be an array, not \(value.kind)")
      return []
    }
    guard count.contains(elements.count) else {
      fail(key, "must have \(count.lowerBound) to \(count.upperBound) elements")
      return []
    }
    let pointer = path(key)
    return elements.enumerated().map { ($0.element, .element(pointer, $0.offset)) }
  }
}
