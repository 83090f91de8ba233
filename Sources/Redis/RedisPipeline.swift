/// Commands that are sent together, encoded as they are appended: one buffer, binary-safe.
///
/// It is not a transaction: other clients' commands may come between, and a command that fails does not stop the next. Each
/// command must have exactly one reply, and leave the connection as it is: no `SUBSCRIBE`, `MONITOR`, `CLIENT REPLY`, `SELECT`.
public struct RedisPipeline: Sendable {
  /// The most commands in one write. The server keeps the replies in memory until they are read, after the write; Redis advises
  /// 10,000 (https://redis.io/docs/latest/develop/using-commands/pipelining/). A longer pipeline is split into several writes.
  public static let commandsPerWrite = 10_000
  /// A write that has 4 MiB takes no further command either, so that ``RedisConfiguration/commandTimeout`` suffices for it.
  public static let bytesPerWrite = 4 << 20

  /// One write: its commands, and where its bytes end.
  struct Write: Sendable {
    var commands = 0
    var end = 0
  }

  private var words: RedisWords
  /// The scripts that are in it, by their SHA-1.
  private var scripts: [String] = []
  private var fullWrites: [Write] = []
  private var lastWrite = Write()

  /// - Parameter capacity: how many bytes it has room for at first. Where the size can be guessed, it need not grow again and again.
  public init(capacity: Int = 0) { words = RedisWords(capacity: capacity) }

  /// How many commands were appended, which is how many replies come back.
  public var count: Int { fullWrites.reduce(lastWrite.commands) { $0 + $1.commands } }
  public var isEmpty: Bool { lastWrite.commands == 0 }

  var bytes: [UInt8] { words.bytes }
  /// The writes in order; each begins where the one before ends.
  var writes: [Write] { fullWrites + [lastWrite] }

  /// Appends a command. `name` is its first word; a subcommand is an argument: `append("CLIENT", "GETNAME")`.
  public mutating func append(_ name: String, _ arguments: RedisArgument...) {
    append(name, arguments: arguments)
  }

  /// Appends a command whose arguments are computed.
  public mutating func append(_ name: String, arguments: [RedisArgument]) {
    append(name, argumentCount: arguments.count) { words in
      for argument in arguments { words.append(argument: argument) }
    }
  }

  /// Appends a command whose arguments are written straight to where they are sent from. For commands that every request needs: an array
  /// of arguments, each a copy of what it is made of, takes several times as long.
  ///
  /// - Parameter argumentCount: how many words `write` appends.
  public mutating func append(_ name: String, argumentCount: Int, _ write: (inout RedisWords) -> Void) {
    let start = fullWrites.last?.end ?? 0
    if lastWrite.commands == Self.commandsPerWrite || lastWrite.end - start >= Self.bytesPerWrite {
      fullWrites.append(lastWrite)
      lastWrite.commands = 0
    }
    words.begin(name, argumentCount: argumentCount)
    write(&words)
    words.end()
    lastWrite.commands += 1
    lastWrite.end = words.bytes.count
  }

  /// Appends a script as `EVAL`, since `EVALSHA` could be answered by `NOSCRIPT` after its neighbours were executed. The server knows
  /// it from then on: where the pipeline has it again, it is `EVALSHA`, and neither sent nor hashed another time.
  public mutating func append(_ script: RedisScript, keys: [RedisArgument] = [], arguments: [RedisArgument] = []) {
    if scripts.contains(script.sha1) {
      append("EVALSHA", subject: script.sha1, keys: keys, arguments: arguments)
    } else {
      append("EVAL", subject: script.source, keys: keys, arguments: arguments)
      scripts.append(script.sha1)
    }
  }

  /// Appends a call of a function of a loaded library, as `FCALL`. If it is missing, ``RedisReply/isMissingFunction`` says so.
  public mutating func append(function: String, keys: [RedisArgument] = [], arguments: [RedisArgument] = []) {
    append("FCALL", subject: function, keys: keys, arguments: arguments)
  }

  /// Appends a command of the form `name subject numkeys key… argument…`.
  mutating func append(_ name: String, subject: String, keys: [RedisArgument], arguments: [RedisArgument]) {
    append(name, argumentCount: 2 + keys.count + arguments.count) { words in
      words.append(subject)
      words.append(Int64(keys.count))
      for key in keys { words.append(argument: key) }
      for argument in arguments { words.append(argument: argument) }
    }
  }
}
