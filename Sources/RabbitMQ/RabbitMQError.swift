/// Why something could not be done: broken machinery, or a request that the broker does not accept.
///
/// What becomes of a published message is not an error but a ``PublishOutcome``.
public struct RabbitMQError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure, to act upon.
  public enum Code: Sendable, Hashable {
    /// The URL cannot be read or asks for what does not exist.
    case invalidURL
    /// An argument of a call cannot be sent, such as a name of more than 255 bytes or a prefetch of 0.
    case invalidArgument
    /// No connection to the broker could be made: nobody listens, or the name has no address.
    case connectFailed
    /// The certificates did not convince one side, or a certificate's file cannot be read.
    case tlsFailed
    /// User or password are wrong.
    case authenticationFailed
    /// The user may not do this, or may not use the virtual host.
    case accessRefused
    /// The queue, exchange or virtual host does not exist.
    case notFound
    /// What exists has other properties than those asked for, or an unknown delivery was acknowledged.
    case preconditionFailed
    /// Another connection holds the queue exclusively.
    case resourceLocked
    /// The broker raised an alarm (memory or disk) and reads nothing from this connection.
    case blocked
    /// The broker did not answer in time.
    case timedOut
    /// The connection broke, or the broker closed it.
    case connectionLost
    /// The broker ended the subscription, as it does when the queue is deleted.
    case consumerCancelled
    /// This side closed the connection or consumer itself.
    case closed
    /// The broker refused for another reason, given in the message, or sent what AMQP does not provide for.
    case protocolViolation
  }

  public let code: Code
  /// What happened, where, and what to do next; one sentence for a log or a terminal, without secrets.
  public let message: String

  public init(code: Code, message: String) {
    self.code = code
    self.message = message
  }

  /// Whether the same call may succeed later or on a new connection without anybody changing anything.
  public var isRetryable: Bool {
    switch code {
    case .connectFailed, .blocked, .timedOut, .connectionLost, .resourceLocked: true
    case .invalidURL, .invalidArgument, .tlsFailed, .authenticationFailed, .accessRefused, .notFound, .preconditionFailed,
      .consumerCancelled, .closed, .protocolViolation:
      false
    }
  }

  public var description: String { message }

  /// The error for a reply code with which the broker closes a channel or connection
  /// ([AMQP 0-9-1 reference, "Constants"](https://www.rabbitmq.com/amqp-0-9-1-reference.html#constants)).
  static func refusal(replyCode: UInt16, _ message: String) -> RabbitMQError {
    let code: Code =
      switch replyCode {
      case 320, 541: .connectionLost  // connection-forced (an orderly stop, an operator), internal-error
      case 402, 403, 530: .accessRefused  // 530 not-allowed: the virtual host is not this user's
      case 404: .notFound
      case 405: .resourceLocked
      case 406: .preconditionFailed
      default: .protocolViolation
      }
    return RabbitMQError(code: code, message: message)
  }
}
