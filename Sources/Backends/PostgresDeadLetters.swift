public import Pipeline
public import PostgreSQL
public import Ticketing

/// The dead letters in PostgreSQL, and their way back into the queue.
///
/// What an operator wants is written down before the message is sent, and that it is done after the broker's confirm. Between the two
/// the letter still waits, so a crash there loses nothing; and since workers look here before they decide a command that was set
/// aside, one that is replayed finds the way open, and one that is discarded finds it closed.
public struct PostgresDeadLetters: DeadLetters {
  private let pool: PostgresPool
  private let publisher: any MessagePublisher
  private let partitioning: Partitioning

  public init(_ pool: PostgresPool, publisher: any MessagePublisher, partitioning: Partitioning) {
    self.pool = pool
    self.publisher = publisher
    self.partitioning = partitioning
  }

  // MARK: Reading

  public func list(after mark: PageMark?, limit: Int) async throws(StoreUnavailable) -> [KeptDeadLetter] {
    try await store {
      let time = PostgresValue.timestamp(microsecondsSince1970: mark?.time.microseconds ?? Self.latest)
      return try await pool.query(
        PostgresQuery(Self.page, time, .uuid(mark?.id ?? .max), .int8(Int64(limit)))
      ).map(Self.kept)
    }
  }

  /// Later than any letter: the year 9999.
  private static let latest: Int64 = 253_402_300_799_000_000

  private static let page = PostgresStatement(
    "dead_letters_page",
    """
    SELECT dead_letter_id, partition, command_id, event_id, reason, attempts, payload, dead_at, status FROM dead_letters
     WHERE (dead_at, dead_letter_id) < ($1, $2) ORDER BY dead_at DESC, dead_letter_id DESC LIMIT $3
    """)

  public func letter(_ id: DeadLetterID) async throws(StoreUnavailable) -> KeptDeadLetter? {
    try await store { try await pool.query(PostgresQuery(Self.byID, .uuid(id.rawValue))).first.map(Self.kept) }
  }

  private static let byID = PostgresStatement(
    "dead_letter_by_id",
    """
    SELECT dead_letter_id, partition, command_id, event_id, reason, attempts, payload, dead_at, status FROM dead_letters
     WHERE dead_letter_id = $1
    """)

  private static func kept(_ row: PostgresRow) throws -> KeptDeadLetter {
    guard let status = KeptDeadLetter.Status(rawValue: UInt8(clamping: try row.int2(8))) else {
      throw CodingFailure("dead letter \(DeadLetterID(try row.uuid(0))) has the unknown status \(try row.int2(8))")
    }
    let letter = DeadLetter(
      partition: Int(try row.int2(1)), command: try row.optionalUUID(2).map { CommandID($0) },
      event: try row.optionalUUID(3).map { EventID($0) }, reason: try row.text(4), attempts: Int(try row.int4(5)),
      payload: try row.bytes(6))
    return KeptDeadLetter(
      id: DeadLetterID(try row.uuid(0)), letter: letter, deadAt: Timestamp(microseconds: try row.timestamp(7)), status: status)
  }

  // MARK: Deciding what becomes of one

  public func replay(_ id: DeadLetterID) async throws(DeadLetterFailure) {
    let letter = try await begin(.replaying, id)
    if let queued = letter.queuedCommand {
      try await publish(queued.command)
    } else {
      // Somebody may be able to read it by now.
      try await publish(letter.payload, to: letter.partition)
    }
    try await finish(.replayed, from: .replaying, id)
  }

  public func discard(_ id: DeadLetterID) async throws(DeadLetterFailure) { _ = try await giveUp(id) }

  /// As ``discard(_:)``, and tells whether somebody is left without an answer.
  /// - Returns: the event, if the letter asks for a reservation of one that does not exist. No worker can decide anything about
  ///   it, its discarding included, so nothing is queued: the letter would only come back. Its customer goes on seeing `queued`.
  public func giveUp(_ id: DeadLetterID) async throws(DeadLetterFailure) -> EventID? {
    let letter = try await begin(.discarding, id)
    var missing: EventID?
    // What asks for nothing has nobody who waits for an answer.
    if let command = letter.queuedCommand?.command, let request = command.request {
      if try await exists(command.event) {
        try await publish(
          Command(id: command.id, event: command.event, action: .discard(request), acceptedAt: command.acceptedAt))
      } else {
        missing = command.event
      }
    }
    try await finish(.discarded, from: .discarding, id)
    return missing
  }

  /// Whether a worker finds the event.
  private func exists(_ event: EventID) async throws(DeadLetterFailure) -> Bool {
    try await answering { () async throws(StoreUnavailable) -> Bool in
      try await store { try await !pool.query(PostgresQuery(Self.eventStatement, .uuid(event.rawValue))).isEmpty }
    }
  }

  private static let eventStatement = PostgresStatement(
    "dead_letter_event", "SELECT 1 FROM events JOIN event_streams USING (event_id) WHERE event_id = $1")

  private func begin(_ status: KeptDeadLetter.Status, _ id: DeadLetterID) async throws(DeadLetterFailure) -> DeadLetter {
    let kept = try await answering { () async throws(StoreUnavailable) -> KeptDeadLetter? in
      let changed = try await store {
        try await pool.query(PostgresQuery(Self.beginStatement, .uuid(id.rawValue), .int2(Int16(status.rawValue))))
          .first.map(Self.kept)
      }
      if let changed { return changed }
      return try await letter(id)
    }
    guard let kept else { throw .unknown }
    if kept.status.isFinal { throw .settled(kept.status) }
    return kept.letter
  }

  private static let beginStatement = PostgresStatement(
    "dead_letter_begin",
    """
    UPDATE dead_letters SET status = $2, changed_at = now() WHERE dead_letter_id = $1 AND status NOT IN (2, 4)
    RETURNING dead_letter_id, partition, command_id, event_id, reason, attempts, payload, dead_at, status
    """)

  /// Nothing if somebody else has changed it meanwhile, or it has died again already.
  private func finish(
    _ status: KeptDeadLetter.Status, from before: KeptDeadLetter.Status, _ id: DeadLetterID
  ) async throws(DeadLetterFailure) {
    try await answering { () async throws(StoreUnavailable) in
      try await store {
        _ = try await pool.query(
          PostgresQuery(
            Self.finishStatement, .uuid(id.rawValue), .int2(Int16(before.rawValue)), .int2(Int16(status.rawValue))))
      }
    }
  }

  private static let finishStatement = PostgresStatement(
    "dead_letter_finish",
    "UPDATE dead_letters SET status = $3, changed_at = now() WHERE dead_letter_id = $1 AND status = $2")

  /// At the end of the line, without a place of its own in it: its former one would tell those that wait a wrong position.
  private func publish(_ command: Command) async throws(DeadLetterFailure) {
    try await publish(
      CommandMessage.encode([QueuedCommand(command, ordinal: 0)]), to: partitioning.partition(of: command.event))
  }

  private func publish(_ message: [UInt8], to partition: Int) async throws(DeadLetterFailure) {
    guard (0..<partitioning.count).contains(partition) else {
      throw .unavailable("it came from partition \(partition), which does not exist any more")
    }
    switch await publisher.publish(message: message, to: partition) {
    case .queued: return
    case .refused: throw .unavailable("RabbitMQ takes no messages now: the queue is full, or it has raised an alarm")
    case .unavailable: throw .unavailable("RabbitMQ is away, or the queue can't be reached")
    case .unknown: throw .unavailable("RabbitMQ did not confirm in time; repeating it is safe")
    }
  }

  private func answering<Answer>(
    _ body: () async throws(StoreUnavailable) -> Answer
  ) async throws(DeadLetterFailure) -> Answer {
    do throws(StoreUnavailable) {
      return try await body()
    } catch {
      throw .unavailable(error.description)
    }
  }
}
