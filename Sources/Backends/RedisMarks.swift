import Pipeline
import Redis

// Marks of what is known of partitions' views since the server was started.

extension RedisPipeline {
  /// Asks for the server's run and the partitions' keys: one reply more than there are partitions.
  mutating func appendMarks(of partitions: some Collection<Int>, by key: (Int) -> String) {
    append("INFO", "server")
    for partition in partitions { append("GET", .string(key(partition))) }
  }
}

extension RedisClient {
  /// The partitions whose key holds the present run of the server: one that holds another may have been restored from an old copy.
  func partitions(
    _ partitions: some Collection<Int>, markedBy key: (Int) -> String
  ) async throws(ViewUnavailable) -> Set<Int> {
    var pipeline = RedisPipeline()
    pipeline.appendMarks(of: partitions, by: key)
    let replies = try await ask(pipeline)
    return try Self.marked(partitions, in: replies[...])
  }

  /// The same, from the replies to what ``RedisPipeline/appendMarks(of:by:)`` appended.
  static func marked(
    _ partitions: some Collection<Int>, in replies: ArraySlice<RedisReply>
  ) throws(ViewUnavailable) -> Set<Int> {
    let run = try runID(in: replies.first ?? .null)
    return Set(zip(partitions, replies.dropFirst()).filter { $0.1.string == run }.map(\.0))
  }

  /// What tells one run of a server from the next.
  static func runID(in info: RedisReply) throws(ViewUnavailable) -> String {
    for line in (info.string ?? "").split(whereSeparator: \.isNewline) where line.hasPrefix("run_id:") {
      return String(line.dropFirst("run_id:".count))
    }
    throw ViewUnavailable("Redis did not tell its run_id")
  }
}
