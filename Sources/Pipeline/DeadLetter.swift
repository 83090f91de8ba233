public import Ticketing

/// Names something that was set aside.
public struct DeadLetterID: Identifier {
  public let rawValue: UInt128
  public init(_ rawValue: UInt128) { self.rawValue = rawValue }
}

/// Something set aside because it could not be decided.
public struct DeadLetter: Hashable, Sendable {
  public var partition: Int
  /// Nil where the bytes could not be read.
  public var command: CommandID?
  public var event: EventID?
  public var reason: String
  public var attempts: Int
  /// The body of a message that has this and nothing else in it, so that it can be queued again as it is.
  public var payload: [UInt8]

  public init(partition: Int, command: CommandID?, event: EventID?, reason: String, attempts: Int, payload: [UInt8]) {
    self.partition = partition
    self.command = command
    self.event = event
    self.reason = reason
    self.attempts = attempts
    self.payload = payload
  }

  /// The same whenever the same is set aside.
  public var id: DeadLetterID { DerivedIdentity.deadLetter(command: command, payload: payload, partition: partition) }

  /// The bytes in base64 (RFC 4648, 4).
  public var payloadText: String {
    let text = Base64URL.encode(payload).map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
    return String(text) + String(repeating: "=", count: (4 - text.count % 4) % 4)
  }

  /// The command, if the bytes can be read.
  public var queuedCommand: QueuedCommand? {
    guard let entries = try? CommandMessage.decode(payload), entries.count == 1, case .command(let queued) = entries[0] else {
      return nil
    }
    return queued
  }
}

/// A dead letter as operators see it.
public struct KeptDeadLetter: Hashable, Sendable {
  public enum Status: UInt8, Sendable {
    /// It waits for an operator.
    case dead = 0
    /// An operator put it back into its queue, or wanted to: without the broker's confirm it can be asked for again.
    case replaying = 1, replayed = 2
    /// An operator gave it up, or wanted to.
    case discarding = 3, discarded = 4

    /// Whether an operator's decision has been carried out.
    public var isFinal: Bool { self == .replayed || self == .discarded }
  }

  public var id: DeadLetterID
  public var letter: DeadLetter
  public var deadAt: Timestamp
  public var status: Status

  public init(id: DeadLetterID, letter: DeadLetter, deadAt: Timestamp, status: Status) {
    self.id = id
    self.letter = letter
    self.deadAt = deadAt
    self.status = status
  }

  /// Its place in the list.
  public var pageMark: PageMark { PageMark(time: deadAt, id: id.rawValue) }
}

/// What operators can do about dead letters. Everything can be repeated, and by several operators at once: a command is decided once
/// however often it is queued.
public protocol DeadLetters: Sendable {
  /// The newest first, from the one after `after`.
  func list(after: PageMark?, limit: Int) async throws(StoreUnavailable) -> [KeptDeadLetter]
  /// Nil if there is none.
  func letter(_ id: DeadLetterID) async throws(StoreUnavailable) -> KeptDeadLetter?
  /// Puts it back into its queue, behind all that waits there. Its attempts are counted anew.
  func replay(_ id: DeadLetterID) async throws(DeadLetterFailure)
  /// Gives it up. If it asks for a reservation, this is decided in the event's order like any other command: `rejected` as `discarded`.
  func discard(_ id: DeadLetterID) async throws(DeadLetterFailure)
}

/// Why a dead letter was neither replayed nor discarded.
public enum DeadLetterFailure: Error, Hashable, Sendable {
  case unknown
  /// It has been replayed or discarded before, which this is.
  case settled(KeptDeadLetter.Status)
  /// The database or the broker does not answer, or the broker takes no messages. It can be tried again.
  case unavailable(String)
}
