import Ticketing

/// Something wrong with a body or a parameter.
struct FieldError: Hashable, Sendable {
  /// A JSON Pointer into the body (RFC 6901), or the parameter's name.
  var pointer: String
  var detail: String
}

/// A place in a body (RFC 6901). It becomes a text only where something is wrong there, which is nearly never: the texts took half of
/// what reading a request for tickets cost.
struct JSONPointer: CustomStringConvertible, Sendable {
  /// From what the place is in.
  private enum Step {
    /// It is in nothing: it is the whole body.
    case whole
    case member(String)
    case element(Int)
  }

  /// What places are in, which is allocated once for all of them. Two levels deep, where most bodies end, nothing is.
  fileprivate final class Container: Sendable {
    let pointer: JSONPointer

    init(_ pointer: JSONPointer) { self.pointer = pointer }
  }

  private let step: Step
  /// None if that is the whole body.
  private let container: Container?

  static var root: JSONPointer { JSONPointer(step: .whole, container: nil) }

  static func member(_ object: JSONPointer, _ key: String) -> JSONPointer {
    if case .whole = object.step { return JSONPointer(step: .member(key), container: nil) }
    return JSONPointer(step: .member(key), container: Container(object))
  }

  fileprivate static func element(_ array: Container?, _ index: Int) -> JSONPointer {
    JSONPointer(step: .element(index), container: array)
  }

  var description: String {
    let outer = container?.pointer.description ?? ""
    return switch step {
    case .whole: outer
    case .member(let key): "\(outer)/\(key.replacing("~", with: "~0").replacing("/", with: "~1"))"
    case .element(let index): "\(outer)/\(index)"
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

    // Not where it is called, which is nearly never.
    @inline(never)
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
    for index in members.indices where !keys.contains(members[index].key) {
      errors.add(path(members[index].key), "is not known here")
    }
  }

  func path(_ key: String) -> JSONPointer { .member(pointer, key) }

  func value(_ key: String) -> JSONValue? {
    // By its index: the search would copy each member that it passes, and retain what that holds.
    members.indices.first { members[$0].key == key }.map { members[$0].value }
  }

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
    let (scalars, hasZero) = Self.measure(text)
    guard length.contains(scalars) else {
      errors.add(pointer(), "must have \(length.lowerBound) to \(length.upperBound) characters")
      return nil
    }
    guard !hasZero else {
      errors.add(pointer(), "must not contain the character U+0000")
      return nil
    }
    return text
  }

  /// How many Unicode scalars there are, and whether U+0000 is one of them: in one pass over the bytes.
  private static func measure(_ text: String) -> (scalars: Int, hasZero: Bool) {
    var text = text
    return text.withUTF8 { bytes in
      var (scalars, hasZero) = (0, false)
      for byte in bytes {
        // A scalar's first byte is none of those that continue one.
        if byte & 0xC0 != 0x80 { scalars += 1 }
        if byte == 0 { hasZero = true }
      }
      return (scalars, hasZero)
    }
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

  /// The elements of an array with their pointers.
  struct Elements: RandomAccessCollection {
    fileprivate static var empty: Elements { Elements(values: [], array: nil) }

    fileprivate let values: [JSONValue]
    /// None if there are no elements.
    fileprivate let array: JSONPointer.Container?

    var startIndex: Int { 0 }
    var endIndex: Int { values.count }
    subscript(index: Int) -> (value: JSONValue, pointer: JSONPointer) { (values[index], .element(array, index)) }
  }

  /// Empty, after an error, for anything but an array.
  func array(_ key: String, count: ClosedRange<Int>) -> Elements { require(key).map { elements($0, key, count) } ?? .empty }

  func optionalArray(_ key: String, count: ClosedRange<Int>) -> Elements { value(key).map { elements($0, key, count) } ?? .empty }

  private func elements(_ value: JSONValue, _ key: String, _ count: ClosedRange<Int>) -> Elements {
    guard case .array(let elements) = value else {
      fail(key, "must be an array, not \(value.kind)")
      return .empty
    }
    guard count.contains(elements.count) else {
      fail(key, "must have \(count.lowerBound) to \(count.upperBound) elements")
      return .empty
    }
    return Elements(values: elements, array: JSONPointer.Container(path(key)))
  }
}
