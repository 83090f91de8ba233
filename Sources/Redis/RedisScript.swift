/// A Lua script and the SHA-1 by which Redis knows it.
public struct RedisScript: Sendable {
  public let source: String
  /// 40 lowercase hexadecimal digits.
  public let sha1: String

  public init(_ source: String) {
    self.source = source
    sha1 = SHA1.hexadecimal(Array(source.utf8))
  }
}

extension RedisClient {
  /// Runs a script: by its SHA-1, and with its source if the server does not have it (it forgets scripts when it restarts).
  ///
  /// - Throws: also when the script answers with an error.
  public nonisolated func run(
    _ script: RedisScript, keys: [RedisArgument] = [], arguments: [RedisArgument] = []
  ) async throws(RedisError) -> RedisReply {
    let reply = try await evaluate("EVALSHA", script.sha1, keys: keys, arguments: arguments)
    // A script that was not found did nothing, so running it is no repetition.
    guard reply.error?.hasPrefix("NOSCRIPT ") == true else { return try accept(reply, to: "EVALSHA") }
    return try accept(await evaluate("EVAL", script.source, keys: keys, arguments: arguments), to: "EVAL")
  }

  /// Calls a function of a loaded library, as `FCALL`.
  ///
  /// - Throws: also when the function answers with an error or is missing.
  public nonisolated func call(
    function: String, keys: [RedisArgument] = [], arguments: [RedisArgument] = []
  ) async throws(RedisError) -> RedisReply {
    try accept(await evaluate("FCALL", function, keys: keys, arguments: arguments), to: "FCALL")
  }

  /// Loads a library of functions, whose source begins with `#!lua name=…`. The server keeps it with its data: over a restart and
  /// `FLUSHALL`, but not when it starts with an empty disk.
  ///
  /// - Parameter replacing: Replaces a library of that name in one step; without, its presence is an error.
  public nonisolated func load(library source: String, replacing: Bool = true) async throws(RedisError) {
    let options: [RedisArgument] = replacing ? ["LOAD", "REPLACE"] : ["LOAD"]
    _ = try await command("FUNCTION", arguments: options + [.string(source)])
  }

  private nonisolated func evaluate(
    _ name: String, _ subject: String, keys: [RedisArgument], arguments: [RedisArgument]
  ) async throws(RedisError) -> RedisReply {
    var pipeline = RedisPipeline()
    pipeline.append(name, subject: subject, keys: keys, arguments: arguments)
    return try await send(pipeline)[0]
  }
}

extension RedisReply {
  /// Whether an `FCALL` failed because its library is not loaded: load it and send the pipeline's missing part again.
  public var isMissingFunction: Bool { error == "ERR Function not found" }
}
