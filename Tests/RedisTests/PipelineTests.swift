import Testing

@testable import Redis

@Suite struct PipelineTests {
  @Test func `commands are encoded as arrays of counted bytes, back to back`() {
    var pipeline = RedisPipeline()
    let name = "é"
    pipeline.append("SET", "k:\(name)", .bytes([0, 13, 10, 255]))
    pipeline.append("ZADD", "", 0, .integer(.min), .double(0.1), .double(-.infinity))
    pipeline.append("PING")
    let expected =
      Array("*3\r\n$3\r\nSET\r\n$4\r\nk:é\r\n$4\r\n".utf8) + [0, 13, 10, 255]
      + Array(
        ("\r\n*6\r\n$4\r\nZADD\r\n$0\r\n\r\n$1\r\n0\r\n$20\r\n-9223372036854775808\r\n$3\r\n0.1\r\n$4\r\n-inf\r\n"
          + "*1\r\n$4\r\nPING\r\n").utf8)
    #expect(pipeline.bytes == expected)
    #expect(pipeline.count == 3)
  }

  @Test(arguments: [0, 1, 9, 10, 99, 100, 34_560_000, -1, -10, .max, .min] as [Int64])
  func `a command is the same whether its arguments are given or written one by one`(number: Int64) {
    // Texts that a string keeps in itself, and others.
    for text in ["", "é", String(repeating: "é", count: 8), String(repeating: "x", count: 1000)] {
      var (given, written) = (RedisPipeline(), RedisPipeline(capacity: 64))
      for _ in 0..<2 {
        given.append("SET", .string(text), .bytes(Array(text.utf8)), .integer(number), "abc")
        written.append("SET", argumentCount: 4) {
          $0.append(text)
          $0.append(Array(text.utf8))
          $0.append(number)
          $0.append(size: 3) { $0.copyBytes(from: "abc".utf8) }
        }
      }
      #expect(written.bytes == given.bytes)
      #expect(written.writes.map(\.end) == given.writes.map(\.end))
      #expect(String(decoding: written.bytes, as: UTF8.self).contains("\r\n\(number)\r\n"))
    }
  }

  @Test(arguments: [1, 3])
  func `a command of another number of words than it says is a mistake that nobody sends`(argumentCount: Int) async {
    await #expect(processExitsWith: .failure) { [argumentCount] in
      var pipeline = RedisPipeline()
      pipeline.append("SET", argumentCount: argumentCount) {
        $0.append("key")
        $0.append("value")
      }
    }
  }

  @Test func `scripts and functions say how many of their arguments are keys`() {
    var pipeline = RedisPipeline()
    pipeline.append(RedisScript("return 1"), keys: ["a", "b"], arguments: [3])
    pipeline.append(RedisScript("return 1"))
    pipeline.append(function: "f")
    let expected =
      "*6\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\n3\r\n"
      + "*3\r\n$7\r\nEVALSHA\r\n$40\r\n\(RedisScript("return 1").sha1)\r\n$1\r\n0\r\n"
      + "*3\r\n$5\r\nFCALL\r\n$1\r\nf\r\n$1\r\n0\r\n"
    #expect(String(decoding: pipeline.bytes, as: UTF8.self) == expected)
    #expect(pipeline.count == 3)
  }

  @Test(arguments: [
    (0, [0]), (1, [1]), (10_000, [10_000]), (10_001, [10_000, 1]), (25_000, [10_000, 10_000, 5_000]),
  ])
  func `a write has ten thousand commands at most`(count: Int, writes: [Int]) {
    var pipeline = RedisPipeline()
    for _ in 0..<count { pipeline.append("PING") }
    #expect(pipeline.count == count)
    #expect(pipeline.isEmpty == (count == 0))
    #expect(pipeline.writes.map(\.commands) == writes)
    #expect(pipeline.writes.last?.end == pipeline.bytes.count)
    // "*1\r\n$4\r\nPING\r\n" has 14 bytes.
    #expect(pipeline.writes.map(\.end) == writes.reduce(into: []) { $0.append(($0.last ?? 0) + 14 * $1) })
  }

  @Test func `a write that has 4 MiB takes no further command`() {
    var pipeline = RedisPipeline()
    for _ in 0..<3 { pipeline.append("SET", "k", .bytes([UInt8](repeating: 1, count: 3 << 20))) }
    #expect(pipeline.writes.map(\.commands) == [2, 1])
  }
}

@Suite struct ReplyTests {
  @Test func `a reply is read as what it is, and as nothing else`() {
    #expect(RedisReply.bytes([49, 50]).bytes == [49, 50])
    #expect(RedisReply.bytes([49, 50]).string == "12")
    #expect(RedisReply.bytes([49, 50]).int == 12)
    #expect(RedisReply.bytes([255]).string == nil)
    #expect(RedisReply.bytes([65]).int == nil)
    #expect(RedisReply.status("OK").string == "OK")
    #expect(RedisReply.status("OK").bytes == nil)
    #expect(RedisReply.integer(-7).int == -7)
    #expect(RedisReply.integer(-7).string == nil)
    #expect(RedisReply.array([.null]).array == [.null])
    #expect(RedisReply.null.array == nil)
    #expect(RedisReply.null.bytes == nil)
    #expect(RedisReply.error("ERR no").error == "ERR no")
    #expect(RedisReply.error("ERR no").string == nil)
    #expect(RedisReply.error("ERR Function not found").isMissingFunction)
    #expect(!RedisReply.error("ERR no").isMissingFunction)
  }
}

@Suite struct SHA1Tests {
  /// From FIPS 180-2's appendix A and https://www.di-mgt.com.au/sha_testvectors.html
  @Test(arguments: [
    ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
    (String(repeating: "a", count: 10_000), "a080cbda64850abb7b7f67ee875ba068074ff6fe"),
  ])
  func `known texts have their known SHA-1`(text: String, sha1: String) {
    #expect(RedisScript(text).sha1 == sha1)
  }
}
