/// Why a call to Redis gave no result. `message` says what happened, where, and what to look at next; it never holds a password.
public struct RedisError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable {
    /// The URL of the configuration cannot be used. Nothing was sent.
    case invalidURL
    /// No connection could be made, or the server refused to serve it. None of the caller's commands was sent.
    case connectFailed
    /// The server did not accept the user or the password, or asks for one. None of the caller's commands was sent.
    case authenticationFailed
    /// The connection broke during the call: its commands may have been executed, all, in part or not at all.
    case connectionLost
    /// The server was silent for longer than it may be: its commands may have been executed, all, in part or not at all.
    case timedOut
    /// Nothing was tried: the last attempt to connect failed a moment ago, or the client was closed.
    case unavailable
    /// The server answered a command with an error.
    case server
    /// The answer was not what the protocol or the command allows.
    case unexpectedReply
  }

  public let code: Code
  public let message: String
  /// Whether the same call can succeed later without anybody changing the configuration or the command.
  public let isRetryable: Bool

  /// `isRetryable` follows from the code unless given: failures of the network are, everything else is not.
  public init(_ code: Code, _ message: String, isRetryable: Bool? = nil) {
    self.code = code
    self.message = message
    self.isRetryable =
      switch code {
      case .connectFailed, .connectionLost, .timedOut, .unavailable: isRetryable ?? true
      case .invalidURL, .authenticationFailed, .server, .unexpectedReply: isRetryable ?? false
      }
  }

  public var description: String { message }
}

extension RedisError {
  /// The first words of errors that pass without a change of the command: see `createSharedObjects` in Redis 7.0's `server.c`.
  private static let transient = [
    "LOADING ", "BUSY ", "TRYAGAIN ", "MASTERDOWN ", "CLUSTERDOWN ", "NOREPLICAS ", "MISCONF ", "OOM ",
  ]

  /// An error reply to a command, as an error. `command` is the command's name only: arguments may be secret.
  static func server(_ text: String, to command: String, at address: String) -> RedisError {
    RedisError(.server, "Redis at \(address) refused \(command): \(text)", isRetryable: transient.contains { text.hasPrefix($0) })
  }

  /// An error reply while the connection was being set up.
  static func setUp(_ text: String, at address: String) -> RedisError {
    let refusals = ["NOAUTH ", "WRONGPASS ", "NOPERM ", "ERR AUTH "]
    if refusals.contains(where: { text.hasPrefix($0) }) {
      return RedisError(.authenticationFailed, "Redis at \(address) refused the user or the password of the URL: \(text)")
    }
    return RedisError(
      .connectFailed, "Redis at \(address) does not serve this connection: \(text)",
      // Any other plain ERR comes from the configuration: a database that does not exist, a client name with a space.
      isRetryable: !text.hasPrefix("ERR ") || text.hasPrefix("ERR max number of clients"))
  }
}
