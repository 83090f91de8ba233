/// A value in a table of arguments or headers.
public enum RabbitMQArgument: Sendable, Hashable {
  case string(String)
  case integer(Int64)
  case boolean(Bool)
  case table([String: RabbitMQArgument])
}

extension RabbitMQArgument: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

extension [String: RabbitMQArgument] {
  /// At most so many bytes once encoded: a table must fit into one frame of 128 KiB with everything else that the frame carries,
  /// and a table too big is found out by the library only after it has sent half a message.
  static let largestTable = 64 * 1024

  /// Why the table cannot be sent, if so.
  var problem: String? {
    if let name = keysOfAllLevels.first(where: { $0.utf8.count > 255 }) {
      return "the argument's name \(name.prefix(32))… has more than 255 bytes"
    }
    return encodedSize > Self.largestTable ? "the arguments are larger than \(Self.largestTable) bytes" : nil
  }

  private var keysOfAllLevels: [String] {
    flatMap { key, value in
      if case .table(let table) = value { [key] + table.keysOfAllLevels } else { [key] }
    }
  }

  /// An upper bound.
  private var encodedSize: Int {
    reduce(4) { size, entry in
      let value =
        switch entry.value {
        case .string(let text): 4 + text.utf8.count
        case .integer: 8
        case .boolean: 1
        case .table(let table): table.encodedSize
        }
      return size + 2 + entry.key.utf8.count + value
    }
  }
}
