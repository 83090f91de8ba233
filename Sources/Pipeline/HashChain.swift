import Crypto
public import Ticketing

/// The journal's proof of order: each decision's hash covers the one before it, so no decision can be changed, removed or put in
/// between without changing every hash after it.
public enum HashChain {
  /// SHA-256: 32 bytes.
  public typealias Hash = [UInt8]

  /// The hash that the first decision builds on: over the terms as they were when the event was created.
  public static func origin(of event: Event) -> Hash {
    var writer = ByteWriter()
    writer.write(event)
    return Array(writer.sha256)
  }

  /// The hash over all that an event was when it was created.
  public static func offer(_ record: EventRecord) -> Hash { Array(SHA256.hash(data: record.encoded)) }

  /// The hash of a decision, over the hash before it, its version, its time, the command's bytes and the outcome's.
  public static func next(after previous: Hash, version: Int64, decidedAt: Timestamp, command: [UInt8], outcome: [UInt8]) -> Hash
  {
    var writer = ByteWriter(capacity: 56 + command.count + outcome.count)
    writer.write(raw: previous)
    writer.write(version)
    writer.write(decidedAt.microseconds)
    writer.write(counted: command)
    writer.write(counted: outcome)
    return Array(writer.sha256)
  }
}
