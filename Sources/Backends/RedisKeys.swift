import Pipeline
import Redis
import Ticketing

/// How long a mark that nobody takes away stays, in seconds: past any call of Redis.
let markLifetimeSeconds: Int64 = 60

/// The names in Redis. What belongs to an event has the event's first four bytes in braces, so that a cluster keeps it together; a
/// reservation's id begins with the same four bytes.
enum RedisKeys {
  static func reservation(_ id: ReservationID) -> String { key(of: id).text }
  /// The same, for a command that is written at once.
  static func key(of id: ReservationID) -> RedisKey<ReservationID> { RedisKey("reservation", id) }
  /// How many requests rely on the reservation's note besides the one that made it.
  static func repetitions(of id: ReservationID) -> String { key("repetitions", id) }
  /// Says that the command has been sent.
  static func command(_ id: CommandID, about reservation: ReservationID) -> String {
    "th:{\(reservation.description.prefix(8))}:command:\(id)"
  }
  static func event(_ id: EventID) -> String { key("event", id) }
  /// Up to which version the event's view is complete; with a `+` behind it where its counts and seats are older.
  static func version(_ id: EventID) -> String { key("version", id) }
  static func availability(_ id: EventID) -> String { key("availability", id) }
  /// A letter a seat; a zero byte, or none, is a seat that was never touched.
  static func seats(_ id: EventID, _ section: SectionIndex) -> String { "\(key("seats", id)):\(section)" }

  /// The mark of an attempt to write the event's view: says that what it put into customers' lists is there. Gone when the view was
  /// emptied after that.
  static func listing(_ id: EventID, _ attempt: UInt64) -> String { "\(key("listing", id)):\(attempt)" }

  /// The mark of a batch of notes, likewise.
  static func noting(_ batch: UInt64) -> String { "th:noting:\(batch)" }

  /// A customer's reservations; members as in ``PageMark/listMember``.
  static func reservations(of customer: CustomerID) -> String { listKey(of: customer).text }
  /// The same, for a command that is written at once.
  static func listKey(of customer: CustomerID) -> RedisKey<CustomerID> { RedisKey(of: customer, "reservations") }

  /// How many places the partition's line has handed out.
  static func line(_ partition: Int) -> String { "th:{p\(partition)}:line" }
  static func progress(_ partition: Int) -> String { "th:{p\(partition)}:progress" }
  /// The run of the Redis server since which the partition's view is known to be complete.
  static func complete(_ partition: Int) -> String { "th:{p\(partition)}:complete" }
  /// The run of the Redis server since which all that waits in the partition's queue is known to be noted.
  static func noted(_ partition: Int) -> String { "th:{p\(partition)}:noted" }
  /// The comparison that may lead to those two; gone when the server was emptied meanwhile.
  static func comparison(_ partition: Int) -> String { "th:{p\(partition)}:comparison" }
  /// The channel on which the ids of what changed are published, 16 bytes each.
  static func changes(_ partition: Int) -> String { "th:changes:\(partition)" }

  static func rate(_ key: String) -> String { "th:{rate:\(key)}" }

  /// Published events; members as in ``PageMark/listMember``.
  static let catalogue = "th:{catalogue}:events"
  static let catalogueIsComplete = "th:{catalogue}:complete"

  private static func key(_ kind: StaticString, _ id: some Identifier) -> String { RedisKey(kind, id).text }
}

extension Identifier {
  /// The 16 bytes, big-endian.
  var bytes: [UInt8] { withUnsafeBytes(of: rawValue.bigEndian) { Array($0) } }
}

extension PageMark {
  static let listMemberSize = 24

  /// The entry of a list: sorted sets whose scores are all 0 sort their members by their bytes, here the time and then the id.
  var listMember: [UInt8] {
    Array(unsafeUninitializedCapacity: Self.listMemberSize) { room, count in
      writeListMember(to: UnsafeMutableRawBufferPointer(room))
      count = Self.listMemberSize
    }
  }

  /// Writes ``listMember`` to a place of ``listMemberSize``.
  func writeListMember(to place: UnsafeMutableRawBufferPointer) {
    place.storeBytes(of: (UInt64(bitPattern: time.microseconds) ^ 1 << 63).bigEndian, as: UInt64.self)
    place.storeBytes(of: id.bigEndian, toByteOffset: 8, as: UInt128.self)
  }

  /// The id in a list's entry.
  static func id(ofListMember member: [UInt8]) -> UInt128? {
    guard member.count == listMemberSize else { return nil }
    return member[8...].reduce(0) { $0 << 8 | UInt128($1) }
  }
}

extension RedisReply {
  /// The number in an event's version; nil where there is none.
  var viewVersion: Int64? { string.flatMap { Int64($0.hasSuffix("+") ? $0.dropLast() : $0[...]) } }
  /// Whether the event's counts and seats are older than its version, which this is.
  var isPartOfView: Bool { string?.hasSuffix("+") == true }

  /// The ids in a range of a list.
  var listedIDs: [UInt128] { (array ?? []).compactMap { $0.bytes.flatMap(PageMark.id(ofListMember:)) } }

  /// A reply that was read as what it must be, or the reason why the view can't be used.
  func expectBytes() throws(ViewUnavailable) -> [UInt8]? {
    switch self {
    case .bytes(let bytes): return bytes
    case .null: return nil
    default: throw ViewUnavailable("an unexpected reply of Redis: \(self)")
    }
  }

  func expectInteger() throws(ViewUnavailable) -> Int64 {
    guard case .integer(let value) = self else { throw ViewUnavailable("an unexpected reply of Redis: \(self)") }
    return value
  }
}

extension RedisClient {
  /// Sends commands that all must succeed. On the caller's executor: a call that stood in line for the client's own would not see
  /// until then that the server hangs.
  nonisolated func ask(_ pipeline: RedisPipeline) async throws(ViewUnavailable) -> [RedisReply] {
    do throws(RedisError) {
      let replies = try await send(pipeline)
      for case .error(let message) in replies { throw RedisError(.server, "Redis refused a command: \(message)") }
      return replies
    } catch {
      throw ViewUnavailable(error.message)
    }
  }
}

/// Decodes what the view holds; what can't be read is as good as missing, since the database has it.
func decoded<Value>(_ bytes: [UInt8]?, _ decode: ([UInt8]) throws(CodingFailure) -> Value) -> Value? {
  guard let bytes else { return nil }
  do throws(CodingFailure) {
    return try decode(bytes)
  } catch {
    return nil
  }
}
