public import Pipeline
import Redis
import Ticketing

// The gateway's notes of the reservations that it queues.

extension RedisView {
  /// How often notes are made anew where the view is emptied in the middle of it.
  private static let attempts = 3

  public func note(_ reservations: [ReservationRecord]) async throws(ViewUnavailable) -> [ReservationRecord?] {
    for _ in 0..<Self.attempts {
      guard var existing = try await noteOnce(reservations) else { continue }
      if !existing.isEmpty { try await repeatNotes(reservations, &existing) }
      return reservations.indices.map { existing[$0] }
    }
    throw ViewUnavailable("Redis was emptied again and again")
  }

  /// Lists come first: a note whose reservation is in no list would never be listed, since whoever shows the decision relies on it.
  /// Where the view was emptied between the two, the mark of the batch is gone at its end: nil then. Otherwise gives what was known, by
  /// the reservation's index: mostly nothing.
  private func noteOnce(_ reservations: [ReservationRecord]) async throws(ViewUnavailable) -> [Int: ReservationRecord]? {
    // A reservation takes less than half a kilobyte, unless it names many seats.
    var pipeline = RedisPipeline(capacity: 256 + reservations.count * 512)
    let mark = RedisArgument.string(RedisKeys.noting(.random(in: .min ... .max)))
    pipeline.append("SET", mark, "", "EX", .integer(markLifetimeSeconds))
    for reservation in reservations {
      pipeline.appendEntry(of: reservation)
      pipeline.appendNote(of: reservation)
    }
    pipeline.append("DEL", mark)
    let replies = try await notes.ask(pipeline)
    guard replies.last == .integer(1) else { return nil }
    var existing: [Int: ReservationRecord] = [:]
    for index in reservations.indices {
      let known = decoded(try replies[3 + index * 3].expectBytes(), ReservationRecord.init(decoding:))
      if let known { existing[index] = known }
    }
    return existing
  }

  /// Relies on the note of an earlier request under the same key, or makes one where it was withdrawn in between. Gives the note. Of this
  /// request's own there may be one, of an attempt before.
  ///
  /// KEYS: reservation, repetitions. ARGV: the note of this request, seconds to keep.
  private static let repeatNote = RedisScript(
    """
    local note = redis.call('GET', KEYS[1])
    if not note then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return ARGV[1] end
    if note ~= ARGV[1] and string.sub(note, 1, 2) == string.sub(ARGV[1], 1, 2) then
      redis.call('INCR', KEYS[2])
      redis.call('EXPIRE', KEYS[2], ARGV[2])
    end
    return note
    """)

  /// What is known of a reservation is there to stay only if it is decided: the request that noted it may be refused a moment later, at
  /// another gateway, and must not withdraw it then.
  private func repeatNotes(
    _ reservations: [ReservationRecord], _ existing: inout [Int: ReservationRecord]
  ) async throws(ViewUnavailable) {
    let known = existing.keys.sorted()
    let queued = known.filter { existing[$0]?.status == .queued && existing[$0]?.request == reservations[$0].request }
    var pipeline = RedisPipeline()
    for index in queued {
      let id = reservations[index].id
      pipeline.append(
        Self.repeatNote, keys: [.string(RedisKeys.reservation(id)), .string(RedisKeys.repetitions(of: id))],
        arguments: [.bytes(reservations[index].encoded), .integer(viewLifetimeSeconds)])
    }
    // A reservation that was known is listed by the time of its first request; by now too if the view was emptied over it.
    for index in known {
      guard let mark = existing[index]?.pageMark, mark != reservations[index].pageMark else { continue }
      let list = RedisArgument.string(RedisKeys.reservations(of: reservations[index].customer))
      pipeline.append("ZADD", list, 0, .bytes(mark.listMember))
      pipeline.append("ZREM", list, .bytes(reservations[index].pageMark.listMember))
    }
    if pipeline.isEmpty { return }
    var lists = RedisPipeline()
    for (index, reply) in zip(queued, try await notes.ask(pipeline)) {
      let note = decoded(try reply.expectBytes(), ReservationRecord.init(decoding:))
      existing[index] = note == reservations[index] ? nil : note
      if existing[index] == nil {
        let list = RedisArgument.string(RedisKeys.reservations(of: reservations[index].customer))
        lists.append("ZADD", list, 0, .bytes(reservations[index].pageMark.listMember))
      }
    }
    if !lists.isEmpty { _ = try await notes.ask(lists) }
  }

  /// Deletes a note unless it has been replaced by a decision or another request relies on it.
  ///
  /// KEYS: reservation, repetitions. ARGV: the note.
  private static let unnote = RedisScript(
    """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    if tonumber(redis.call('GET', KEYS[2]) or '0') > 0 then
      redis.call('DECR', KEYS[2])
      return 0
    end
    redis.call('DEL', KEYS[1], KEYS[2])
    return 1
    """)

  public func withdraw(_ reservations: [ReservationRecord]) async throws(ViewUnavailable) {
    var pipeline = RedisPipeline()
    for reservation in reservations {
      pipeline.append(
        Self.unnote,
        keys: [.string(RedisKeys.reservation(reservation.id)), .string(RedisKeys.repetitions(of: reservation.id))],
        arguments: [.bytes(reservation.encoded)])
    }
    let replies = try await notes.ask(pipeline)
    var lists = RedisPipeline()
    for (reservation, reply) in zip(reservations, replies) where reply == .integer(1) {
      lists.append("ZREM", .string(RedisKeys.reservations(of: reservation.customer)), .bytes(reservation.pageMark.listMember))
    }
    if !lists.isEmpty { _ = try await notes.ask(lists) }
  }
}
