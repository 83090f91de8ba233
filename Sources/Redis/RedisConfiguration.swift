/// Where Redis is, and how long to wait for it.
public struct RedisConfiguration: Sendable {
  public let host: String
  public let port: Int
  /// The number of the database, 0 unless the URL names another.
  public let database: Int
  let username: String?
  let password: String?

  /// How long a connection may take to be made: from 1 ms to a day, 1 s unless set. Looking up the host's name is not included:
  /// the system's resolver has its own limits, so prefer an address where that matters.
  public var connectTimeout: Duration = .seconds(1)
  /// How long a write of up to ``RedisPipeline/commandsPerWrite`` commands and all its replies may take: from 1 ms to a day, 1 s
  /// unless set.
  public var commandTimeout: Duration = .seconds(1)
  /// What `CLIENT LIST` shows for the connection, without spaces; also the name of the client's thread.
  public var clientName: String?

  /// Reads `redis://[user:]password@host:port/database`. The part before `@`, the port (6379) and the database (0) may be left
  /// out; an IPv6 address stands in brackets. Reserved characters in the user and the password are percent-encoded.
  ///
  /// - Throws: ``RedisError/Code/invalidURL``; the message names the part that is wrong and repeats nothing secret.
  public init(url: String) throws(RedisError) {
    let parts = try RedisURL(url)
    host = parts.host
    port = parts.port
    database = parts.database
    username = parts.username
    password = parts.password
  }

  /// The host and the port, for messages and logs.
  var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Neither printing nor dumping a configuration shows the password.
extension RedisConfiguration: CustomStringConvertible, CustomReflectable {
  public var description: String { "redis://\(address)/\(database)" }
  public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
