import Pipeline
import Ticketing

/// Bytes that a fuzzer writes, read as each of the things that messages, the journal and the view are made of.
///
/// What can be read is written as the very same bytes: nothing is lost, nothing is understood in two ways, and the hashes of what was
/// decided cover all of it.
enum FuzzTarget {
  /// What must hold and does not.
  struct Violation: Error, CustomStringConvertible {
    let description: String
  }

  /// The first byte says what the others are read as.
  static func check(_ bytes: [UInt8]) throws {
    guard let kind = bytes.first else { return }
    let bytes = Array(bytes.dropFirst())
    let once: [UInt8]
    do throws(CodingFailure) {
      once = try recode(bytes, as: kind)
    } catch {
      return
    }
    if once != bytes { throw Violation(description: "kind \(kind): \(bytes) was read, and written as \(once)") }
  }

  private static func recode(_ bytes: [UInt8], as kind: UInt8) throws(CodingFailure) -> [UInt8] {
    switch kind % 8 {
    case 0: return try recodeMessage(bytes)
    case 1: return try ReservationRecord(decoding: bytes).encoded
    case 2: return try EventRecord(decoding: bytes).encoded
    case 3: return try Availability(decoding: bytes).encoded
    case 4:
      let command = try decoded(bytes) { reader throws(CodingFailure) in try reader.readCommand() }
      return encoded { $0.write(command) }
    case 5:
      let request = try decoded(bytes) { reader throws(CodingFailure) in try reader.readRequest() }
      return encoded { $0.write(request) }
    case 6:
      let outcome = try decoded(bytes) { reader throws(CodingFailure) in try reader.readOutcome() }
      return encoded { $0.write(outcome) }
    default:
      let event = try decoded(bytes) { reader throws(CodingFailure) in try reader.readEvent() }
      return encoded { $0.write(event) }
    }
  }

  /// The places of a message, put together again, of which each that is a command makes a message of its own.
  private static func recodeMessage(_ bytes: [UInt8]) throws(CodingFailure) -> [UInt8] {
    let entries = try CommandMessage.decode(bytes)
    var writer = ByteWriter()
    writer.write(CommandMessage.version)
    writer.write(UInt16(entries.count))
    for entry in entries {
      switch entry {
      case .unreadable(_, let part): writer.write(counted: part)
      case .command(let queued):
        let message = CommandMessage.encode([queued])
        guard try CommandMessage.decode(message) == [entry] else { return [] }
        writer.write(counted: Array(message.dropFirst(7)))
        _ = Progress(ordinal: queued.ordinal, rate: 1).ahead(of: 1)
        _ = Progress(ordinal: 1, rate: 1).ahead(of: queued.ordinal)
      }
    }
    return writer.bytes
  }
}
