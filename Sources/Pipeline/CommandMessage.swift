public import Ticketing

/// A command on its way through the queue, with its place in line.
public struct QueuedCommand: Hashable, Sendable {
  public var command: Command
  /// A number that grows along the queue, from which a client's position is told. 0 where the view was away when the command was
  /// accepted: whoever shows what became of it must not rely on a note of it.
  public var ordinal: Int64

  public init(_ command: Command, ordinal: Int64) {
    self.command = command
    self.ordinal = ordinal
  }
}

/// The body of a message: the commands of one partition that were waiting at the same moment in one gateway.
///
/// A message costs the broker several times as much as a command costs everything else, so commands share messages. Each keeps its
/// own bytes, so that one that cannot be read is set aside alone.
///
///     version (1 byte) · count (2 bytes) · count × (length (4 bytes) · ordinal (8 bytes) · command)
public enum CommandMessage {
  /// The version that this code writes. It reads this one and all before it.
  public static let version: UInt8 = 1
  /// How many commands share a message at most: what a worker decides in one transaction.
  public static let maximumCommands = 256

  public static func encode(_ commands: [QueuedCommand]) -> [UInt8] {
    precondition(commands.count <= maximumCommands, "\(commands.count) commands in one message")
    var writer = ByteWriter(capacity: 3 + commands.count * 96)
    writer.write(version)
    writer.write(UInt16(commands.count))
    for queued in commands {
      writer.writeCounted { part in
        part.write(queued.ordinal)
        part.write(queued.command)
      }
    }
    return writer.bytes
  }

  /// A message of one command, from the bytes of one that could not be read.
  public static func frame(_ unreadable: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(capacity: 7 + unreadable.count)
    writer.write(version)
    writer.write(UInt16(1))
    writer.write(counted: unreadable)
    return writer.bytes
  }

  /// One place in a message: a command, or the bytes of one that cannot be read and why.
  public enum Entry: Hashable, Sendable {
    case command(QueuedCommand)
    case unreadable(CodingFailure, bytes: [UInt8])
  }

  /// - Throws: where not even the message's frame can be read.
  public static func decode(_ body: [UInt8]) throws(CodingFailure) -> [Entry] {
    var reader = ByteReader(body)
    let found = try reader.read(UInt8.self)
    guard found == version else { throw CodingFailure("a message of the unknown version \(found)") }
    let count = try reader.read(UInt16.self)
    var entries: [Entry] = []
    entries.reserveCapacity(min(Int(count), maximumCommands))
    for _ in 0..<count {
      var part = try reader.readPart()
      let bytes = part
      do throws(CodingFailure) {
        let ordinal = try part.read(Int64.self)
        let command = try part.readCommand()
        try part.expectEnd()
        entries.append(.command(QueuedCommand(command, ordinal: ordinal)))
      } catch {
        entries.append(.unreadable(error, bytes: bytes.rest))
      }
    }
    try reader.expectEnd()
    return entries
  }
}
