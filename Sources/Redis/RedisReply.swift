/// What Redis answered to one command, in the terms of RESP2.
public enum RedisReply: Sendable, Equatable {
  /// A short word such as `OK` or `PONG`.
  case status(String)
  /// A value; any bytes.
  case bytes([UInt8])
  case integer(Int64)
  /// Several replies, nested seven deep at most: hiredis 0.14 calls more a protocol error.
  case array([RedisReply])
  /// No value, or an array that does not exist.
  case null
  /// The command was refused; the text begins with a word such as `WRONGTYPE`.
  case error(String)

  /// The bytes of a value.
  public var bytes: [UInt8]? {
    if case .bytes(let bytes) = self { bytes } else { nil }
  }

  /// An integer, or a value that is one in decimal (counters in strings and hashes come as such).
  public var int: Int? {
    switch self {
    case .integer(let integer): Int(exactly: integer)
    case .bytes: string.flatMap { Int($0) }
    default: nil
    }
  }

  /// A status, or a value that is UTF-8.
  public var string: String? {
    switch self {
    case .status(let text): text
    case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
    default: nil
    }
  }

  public var array: [RedisReply]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// The text of an error.
  public var error: String? {
    if case .error(let text) = self { text } else { nil }
  }
}
