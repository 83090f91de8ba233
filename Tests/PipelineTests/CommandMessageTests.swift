import Pipeline
import TestSupport
import Testing
import Ticketing

struct CommandMessageTests {
  private let commands: [QueuedCommand]

  init() {
    var generator = SeededGenerator(seed: 7)
    commands = (0..<5).map { _ in generator.queuedCommand() }
  }

  @Test func `a message gives its commands in their order`() throws {
    #expect(try CommandMessage.decode(CommandMessage.encode(commands)) == commands.map { .command($0) })
    #expect(try CommandMessage.decode(CommandMessage.encode([])) == [])
  }

  @Test func `as many commands as a message may have come back`() throws {
    let many = Array(repeating: commands[0], count: CommandMessage.maximumCommands)
    #expect(try CommandMessage.decode(CommandMessage.encode(many)).count == CommandMessage.maximumCommands)
  }

  @Test func `more commands than a message may have stop the process`() async {
    await #expect(processExitsWith: .failure) {
      let command = Command(
        id: CommandID(1), event: EventID(2), action: .release(ReservationID(3)), acceptedAt: Timestamp(microseconds: 4))
      _ = CommandMessage.encode(Array(repeating: QueuedCommand(command, ordinal: 1), count: CommandMessage.maximumCommands + 1))
    }
  }

  @Test(arguments: 0..<5)
  func `a command that cannot be read is set aside alone, with its bytes`(broken: Int) throws {
    var message = CommandMessage.encode(commands)
    let start = startOfPart(broken, in: message)
    let length = Int(message[start - 1]) | Int(message[start - 2]) << 8
    // The kind follows the ordinal.
    message[start + 8] = 0xEE
    for (index, entry) in try CommandMessage.decode(message).enumerated() {
      if index == broken {
        guard case .unreadable(let failure, let bytes) = entry else {
          Issue.record("the broken command was read: \(entry)")
          return
        }
        #expect(failure.description == "a command of the unknown kind 238")
        #expect(bytes == Array(message[start..<(start + length)]))
      } else {
        #expect(entry == .command(commands[index]))
      }
    }
  }

  @Test func `a command with something behind it is set aside`() throws {
    var part = ByteWriter()
    part.write(commands[0].ordinal)
    part.write(commands[0].command)
    part.write(UInt8(0))
    let message = encoded {
      $0.write(CommandMessage.version)
      $0.write(UInt16(1))
      $0.write(counted: part.bytes)
    }
    #expect(
      try CommandMessage.decode(message) == [.unreadable(CodingFailure("1 bytes too many"), bytes: part.bytes)])
  }

  @Test func `a message of another version is refused as a whole`() {
    for version in UInt8.min ... .max where version != CommandMessage.version {
      var message = CommandMessage.encode(commands)
      message[0] = version
      #expect(throws: CodingFailure("a message of the unknown version \(version)")) { try CommandMessage.decode(message) }
    }
  }

  @Test func `a count that is not that of the commands is refused as a whole`() {
    for count in [0, 4, 6, 0xFFFF] as [UInt16] {
      var message = CommandMessage.encode(commands)
      message[1] = UInt8(count >> 8)
      message[2] = UInt8(count & 0xFF)
      #expect(throws: CodingFailure.self, "\(count)") { try CommandMessage.decode(message) }
    }
  }

  /// Where the bytes of the part with this index begin, behind their length.
  private func startOfPart(_ index: Int, in message: [UInt8]) -> Int {
    var start = 7
    for _ in 0..<index { start += (Int(message[start - 1]) | Int(message[start - 2]) << 8) + 4 }
    return start
  }
}
