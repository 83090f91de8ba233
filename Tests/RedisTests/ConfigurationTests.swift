import Testing

@testable import Redis

@Suite struct ConfigurationTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let url: String
    var username: String?
    var password: String?
    var host = "example.org"
    var port = 6379
    var database = 0
    var testDescription: String { url }
  }

  @Test(arguments: [
    Example(url: "redis://example.org"),
    Example(url: "redis://example.org/"),
    Example(url: "redis://example.org:7000/3", port: 7000, database: 3),
    Example(url: "redis://:secret@example.org", password: "secret"),
    Example(url: "redis://secret@example.org", password: "secret"),
    Example(url: "redis://:@example.org"),
    Example(url: "redis://ann:secret@example.org:1/15", username: "ann", password: "secret", port: 1, database: 15),
    Example(url: "redis://ann:@example.org", username: "ann", password: ""),
    Example(url: "redis://an%3An:p%40s%2Fs%C3%A9%25@example.org", username: "an:n", password: "p@s/sé%"),
    Example(url: "redis://:a@b:c@example.org", password: "a@b:c"),
    Example(url: "redis://127.0.0.1:6380", host: "127.0.0.1", port: 6380),
    Example(url: "redis://[::1]", host: "::1"),
    Example(url: "redis://:secret@[fe80::1]:6380/2", password: "secret", host: "fe80::1", port: 6380, database: 2),
  ])
  func `a URL gives user, password, host, port and database`(example: Example) throws {
    let configuration = try RedisConfiguration(url: example.url)
    #expect(configuration.username == example.username)
    #expect(configuration.password == example.password)
    #expect(configuration.host == example.host)
    #expect(configuration.port == example.port)
    #expect(configuration.database == example.database)
    #expect(configuration.connectTimeout == .seconds(1))
    #expect(configuration.commandTimeout == .seconds(1))
    #expect(configuration.clientName == nil)
  }

  @Test(arguments: [
    ("", "no scheme"),
    ("example.org", "no scheme"),
    ("http://u:hunter2@example.org", "redis://"),
    ("rediss://u:hunter2@example.org", "TLS"),
    ("redis://", "no host"),
    ("redis://u:hunter2@", "no host"),
    ("redis://u:hunter2@example.org:0", "port"),
    ("redis://u:hunter2@example.org:65536", "port"),
    ("redis://u:hunter2@example.org:", "port"),
    ("redis://u:hunter2@example.org:x", "port"),
    ("redis://u:hunter2@::1", "brackets"),
    ("redis://u:hunter2@[::1", "bracket"),
    ("redis://u:hunter2@[::1]6379", "port"),
    ("redis://u:hunter2@example.org/-1", "database"),
    ("redis://u:hunter2@example.org/x", "database"),
    ("redis://u:hunter2@example.org/1/2", "database"),
    ("redis://u:hunter2@example.org?timeout=1", "parameters"),
    ("redis://u:hunter2#@example.org", "%23"),
    ("redis://u:hunter2%@example.org", "percent"),
    ("redis://u:hunter2%4@example.org", "percent"),
    ("redis://u:hunter2%zz@example.org", "percent"),
    ("redis://u:hunter2%+1@example.org", "percent"),
    ("redis://u:hunter2%ff@example.org", "percent"),
  ])
  func `a URL that cannot be used is refused with the reason and without the password`(url: String, reason: String) throws {
    let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
    #expect(error?.code == .invalidURL)
    #expect(error?.isRetryable == false)
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("hunter2") == false)
  }

  @Test func `a configuration that is printed or dumped does not show the password`() throws {
    let configuration = try RedisConfiguration(url: "redis://ann:hunter2@[::1]:7000/2")
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect("\(configuration)" == "redis://[::1]:7000/2")
    for text in ["\(configuration)", String(reflecting: configuration), dumped, "\([configuration])"] {
      #expect(!text.contains("hunter2"))
    }
  }
}
