public import Pipeline

extension NewAccount {
  /// From the command line.
  /// - Throws: ``InvalidInput`` with all that is wrong.
  public init(email: String, password: String, name: String) throws {
    do {
      self = try NewAccount(
        json: .object([("email", .string(email)), ("password", .string(password)), ("name", .string(name))]))
    } catch let problem as Problem {
      throw InvalidInput(problem)
    }
  }

  /// - Throws: `422` with all that is wrong.
  init(json: JSONValue) throws {
    let errors = Body.Errors()
    let body = Body(json, keys: ["email", "password", "name"], errors)
    let email = body?.string("email", length: 3...254)
    if let email, !EmailAddress.isValid(email) { body?.fail("email", "must be an email address") }
    let password = body?.string("password", length: 10...128)
    let name = body?.string("name", length: 1...200)
    guard errors.found.isEmpty, let email, let password, let name else { throw Problem.invalid(errors.found) }
    self.init(validEmail: email, validPassword: password, validName: name)
  }
}

/// What is wrong with something that was typed or read from a file.
public struct InvalidInput: Error, CustomStringConvertible {
  /// A line a mistake.
  public let description: String

  init(_ problem: Problem) {
    let lines = problem.errors.map { "  \($0.pointer.isEmpty ? "/" : $0.pointer): \($0.detail)" }
    description = lines.isEmpty ? "  \(problem.detail)" : lines.joined(separator: "\n")
  }
}

/// What an email address looks like: enough to catch a slip of the finger. Only a message that arrives proves one.
enum EmailAddress {
  static func isValid(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, (1...64).contains(parts[0].utf8.count) else { return false }
    let local = parts[0].unicodeScalars.allSatisfy {
      $0.value > 0x20 && $0.value != 0x7F && !"()<>[]:;,\\\"".unicodeScalars.contains($0)
    }
    let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
    let domain = labels.allSatisfy { label in
      (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
        && label.unicodeScalars.allSatisfy { $0 == "-" || $0.properties.isAlphabetic || $0.properties.numericType != nil }
    }
    return local && !parts[0].hasPrefix(".") && !parts[0].hasSuffix(".") && !parts[0].contains("..") && domain
  }
}
