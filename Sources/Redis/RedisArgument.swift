/// One argument of a command. Redis sees bytes only: a string is sent as UTF-8, a number in decimal.
public enum RedisArgument: Sendable, Equatable {
  case string(String)
  case bytes([UInt8])
  case integer(Int64)
  /// The shortest decimal that reads back as the same number; infinity is `inf`.
  case double(Double)
}

extension RedisArgument: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral {
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
}
