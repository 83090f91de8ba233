import Crypto
public import Ticketing

/// Names that follow from who asks for what: the same request sent again is the same command, whichever gateway takes it.
public enum DerivedIdentity {
  /// The event that a user creates under an idempotency key.
  public static func event(createdBy user: CustomerID, key: String) -> EventID {
    EventID(uuid(user, key: key) { $0.write(raw: "POST /v1/events") })
  }

  /// The reservation that a user asks for under an idempotency key. It begins with the first four bytes of the event's id, so that
  /// keys in Redis can be grouped by event from a reservation's id alone.
  public static func reservation(of event: EventID, by user: CustomerID, key: String) -> ReservationID {
    let derived = uuid(user, key: key) { path in
      path.write(raw: "POST /v1/events/")
      path.write(raw: event)
      path.write(raw: "/reservations")
    }
    let ownBits = UInt128(1) << 96 - 1
    return ReservationID(event.rawValue & ~ownBits | derived & ownBits)
  }

  /// The command that a user gives about a reservation. Releases have no key of their own: every one of the same version is the same.
  public static func command(_ name: String, about reservation: ReservationID, by user: CustomerID, key: String = "") -> CommandID
  {
    CommandID(
      uuid(user, key: key) { path in
        path.write(raw: name)
        path.write(raw: " ")
        path.write(raw: reservation)
      })
  }

  /// Where something that could not be decided is kept: a command has one place, and so have bytes that name none.
  static func deadLetter(command: CommandID?, payload: [UInt8], partition: Int) -> DeadLetterID {
    var hash = SHA256()
    if let command {
      withUnsafeBytes(of: command.rawValue.bigEndian) { hash.update(bufferPointer: $0) }
    } else {
      withUnsafeBytes(of: UInt64(partition).bigEndian) { hash.update(bufferPointer: $0) }
      hash.update(data: payload)
    }
    return DeadLetterID(uuid(hash.finalize()))
  }

  /// From who asks for what. The parts have no zero bytes in them, so they can't run into each other.
  private static func uuid(_ user: CustomerID, key: String, path: (inout ByteWriter) -> Void) -> UInt128 {
    // In one piece: a text made of the parts, and a hash given one after the other, took almost as long as the hash itself.
    var request = ByteWriter(capacity: 128 + key.utf8.count)
    request.write(user.rawValue)
    path(&request)
    request.write(0 as UInt8)
    request.write(raw: key)
    return uuid(request.sha256)
  }

  /// A UUID of version 8 (RFC 9562, 5.8), from the first bytes of a SHA-256.
  private static func uuid(_ hash: SHA256.Digest) -> UInt128 {
    let value = hash.withUnsafeBytes { UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self)) }
    let versionAndVariant = UInt128(0xF000) << 64 | UInt128(0b11) << 62
    return value & ~versionAndVariant | UInt128(0x8000) << 64 | UInt128(0b10) << 62
  }
}
