/// A statement that each connection prepares the first time it uses it, in the same round trip.
///
/// Names and texts are literals, so no value can get into the text. One name stands for one text with one list of parameter
/// types: the server answers a second meaning with SQLSTATE 42P05.
public struct PostgresStatement: Sendable, Hashable, CustomStringConvertible {
  let name: StaticString
  let sql: StaticString

  /// - Parameters:
  ///   - name: Unique among the statements of a connection, at most 63 bytes. Shown in errors.
  ///   - sql: One command, with parameters written `$1`, `$2`…
  public init(_ name: StaticString, _ sql: StaticString) {
    (self.name, self.sql) = (name, sql)
  }

  public var description: String { name.description }

  public static func == (left: Self, right: Self) -> Bool {
    isEqual(left.name, right.name) && isEqual(left.sql, right.sql)
  }

  public func hash(into hasher: inout Hasher) {
    name.withUTF8Buffer { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }

  private static func isEqual(_ left: StaticString, _ right: StaticString) -> Bool {
    left.withUTF8Buffer { left in
      right.withUTF8Buffer { right in
        left.count == right.count && (left.baseAddress == right.baseAddress || left.elementsEqual(right))
      }
    }
  }
}

/// A statement with its parameters, at most 65535 of them.
public struct PostgresQuery: Sendable, Hashable {
  public let statement: PostgresStatement
  public let parameters: [PostgresValue]

  public init(_ statement: PostgresStatement, _ parameters: PostgresValue...) {
    self.init(statement, parameters: parameters)
  }

  public init(_ statement: PostgresStatement, parameters: [PostgresValue]) {
    (self.statement, self.parameters) = (statement, parameters)
  }
}
