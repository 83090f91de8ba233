import RabbitMQ
import Testing

@Suite struct RabbitMQConfigurationTests {
  @Test func `every part of a URL is read and decoded`() throws {
    let configuration = try RabbitMQConfiguration(url: "amqp://us%65r:p%40ss:w%2Frd@broker.example:5673/v%2fhost")
    #expect(configuration.user == "user")
    #expect(configuration.password == "p@ss:w/rd")
    #expect(configuration.host == "broker.example")
    #expect(configuration.port == 5673)
    #expect(configuration.virtualHost == "v/host")
    #expect(configuration.tls == nil)
  }

  @Test(arguments: ["amqp://h", "amqp://h/", "amqp://h/%2f", "amqp://guest@h", "AMQP://guest:guest@h:5672"])
  func `parts may be left out`(url: String) throws {
    let configuration = try RabbitMQConfiguration(url: url)
    #expect(configuration.user == "guest")
    #expect(configuration.password == "guest")
    #expect(configuration.host == "h")
    #expect(configuration.port == 5672)
    #expect(configuration.virtualHost == "/")
  }

  @Test func `TLS has its own scheme, port and parameters`() throws {
    let full = try RabbitMQConfiguration(url: "amqps://h?cacertfile=%2fa%20b&certfile=/c&keyfile=/k&verify=verify_none")
    #expect(full.port == 5671)
    #expect(full.tls == .init(authoritiesFile: "/a b", certificateFile: "/c", keyFile: "/k", verifiesPeer: false))
    #expect(try RabbitMQConfiguration(url: "amqps://h").tls == .init(verifiesPeer: true))
    #expect(try RabbitMQConfiguration(url: "amqps://h?verify=verify_peer").tls?.verifiesPeer == true)
  }

  @Test func `an IPv6 address stands in brackets`() throws {
    let configuration = try RabbitMQConfiguration(url: "amqp://u:p@[::1]:5673/v")
    #expect(configuration.host == "::1")
    #expect(configuration.port == 5673)
    #expect("\(configuration)" == "amqp://u:***@[::1]:5673/v")
  }

  @Test func `the description never shows the password`() throws {
    let configuration = try RabbitMQConfiguration(url: "amqp://user:secret@h")
    #expect("\(configuration)" == "amqp://user:***@h:5672/%2f")
    #expect(!String(reflecting: configuration).contains("secret"))
    var dumped = ""
    dump(configuration, to: &dumped)
    #expect(!dumped.contains("secret"))
  }

  @Test(arguments: [
    ("", "begin with amqp://"), ("http://h", "begin with amqp://"), ("amqp://", "host is missing"),
    ("amqp://:5672", "host is missing"), ("amqp://h:", "port"), ("amqp://h:0", "port"), ("amqp://h:65536", "port"),
    ("amqp://user:secret", "port"), ("amqp://h/a/b", "virtual host"), ("amqp://h/%2", "hexadecimal"),
    ("amqp://h/%zz", "hexadecimal"), ("amqp://h/%00", "UTF-8"), ("amqp://h/%ff", "UTF-8"), ("amqp://[::1", "bracket"),
    ("amqp://u:secret#@h", "%23"), ("amqp://h?verify=verify_none", "amqps"), ("amqps://h?verify=secret", "verify_peer"),
    ("amqps://h?certfile=/c", "together"), ("amqps://h?secret=1", "cacertfile"), ("amqps://h?secret", "name=value"),
  ])
  func `a bad URL says what is wrong with it, and repeats nothing of it`(url: String, problem: String) async {
    let error = await failure { _ = try RabbitMQConfiguration(url: url) }
    #expect(error?.code == .invalidURL)
    #expect(error?.message.contains(problem) == true, "\(String(describing: error))")
    #expect(error?.message.contains("secret") == false)
  }
}

@Suite struct BackoffTests {
  @Test(arguments: [(0.0, 0.5), (1.0, 1.0)])
  func `waits double up to the maximum, by a random part shorter`(random: Double, factor: Double) {
    var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(1)) { random }
    for expected in [100, 200, 400, 800, 1000, 1000] { #expect(backoff.next() == .milliseconds(expected) * factor) }
    backoff.reset()
    #expect(backoff.next() == .milliseconds(100) * factor)
  }

  @Test func `it may go on forever`() {
    var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
    for _ in 0..<10_000 { #expect(backoff.next() <= .seconds(5)) }
  }
}
