/// Where the broker is, who connects, and how long anything may take.
public struct RabbitMQConfiguration: Sendable, CustomStringConvertible, CustomReflectable {
  /// How an `amqps` connection proves who is at the other end.
  public struct TLS: Sendable, Equatable {
    /// PEM file of the authorities that may vouch for the broker; where nil, the system's
    /// (`/etc/ssl/certs/ca-certificates.crt`).
    public var authoritiesFile: String?
    /// PEM file of this client's certificate chain, if the broker asks for one. Needs `keyFile`.
    public var certificateFile: String?
    /// PEM file of that certificate's private key.
    public var keyFile: String?
    /// Whether the broker's certificate must be signed by one of the authorities and made out to the host's name.
    public var verifiesPeer: Bool

    public init(
      authoritiesFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, verifiesPeer: Bool = true
    ) {
      self.authoritiesFile = authoritiesFile
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.verifiesPeer = verifiesPeer
    }
  }

  public var host: String
  public var port: UInt16
  public var user: String
  public var password: String
  public var virtualHost: String
  /// Nil: plain TCP.
  public var tls: TLS?

  /// How often each side says that it is alive, in whole seconds from 1 to 65,535 (others are rounded up or clamped). A peer
  /// silent for two intervals counts as lost. Below 5 s a busy machine may be taken for a dead one
  /// ([RabbitMQ, "Heartbeats"](https://www.rabbitmq.com/heartbeats.html)).
  public var heartbeat: Duration = .seconds(5)
  /// The limit for connecting: TCP, TLS and logging in. Looking up the host's name is not part of it: the system's resolver
  /// cannot be interrupted and has limits of its own.
  public var connectTimeout: Duration = .seconds(5)
  /// The limit for each question to the broker, such as a declaration. A broker that exceeds it counts as lost.
  public var rpcTimeout: Duration = .seconds(10)
  /// How long a publish waits for the broker's word on it; after that it is `unknown`.
  public var confirmTimeout: Duration = .seconds(10)
  /// What the broker's management page and `rabbitmqctl list_connections client_properties` show.
  public var connectionName = "swift"

  public init(
    host: String = "127.0.0.1", port: UInt16 = 5672, user: String = "guest", password: String = "guest",
    virtualHost: String = "/", tls: TLS? = nil
  ) {
    self.host = host
    self.port = port
    self.user = user
    self.password = password
    self.virtualHost = virtualHost
    self.tls = tls
  }

  /// Reads `amqp://user:password@host:port/vhost` or `amqps://…?cacertfile=…&certfile=…&keyfile=…&verify=…`.
  ///
  /// Every part but the host may be left out: `guest`, `guest`, 5672 (`amqps`: 5671) and `/` are the defaults. Special characters
  /// in a part are percent-encoded; the virtual host `/` is `%2f`. `verify` is `verify_peer` (the default) or `verify_none`.
  /// See RabbitMQ's [URI specification](https://www.rabbitmq.com/uri-spec.html) and
  /// [query parameters](https://www.rabbitmq.com/uri-query-parameters.html).
  ///
  /// - Throws: ``RabbitMQError/Code/invalidURL``, whose message never repeats a part of the URL, since any part of a mistyped URL
  ///   may be the password.
  public init(url: String) throws(RabbitMQError) {
    var url = try URLParts(url)
    self.init(
      host: url.host, port: url.port ?? (url.isSecure ? 5671 : 5672), user: url.user ?? "guest",
      password: url.password ?? "guest", virtualHost: url.virtualHost ?? "/")
    guard url.isSecure else {
      guard url.query.isEmpty else { throw .invalidURL("query parameters have a meaning with amqps:// only") }
      return
    }
    var tls = TLS()
    tls.authoritiesFile = url.query.removeValue(forKey: "cacertfile")
    tls.certificateFile = url.query.removeValue(forKey: "certfile")
    tls.keyFile = url.query.removeValue(forKey: "keyfile")
    switch url.query.removeValue(forKey: "verify") {
    case nil, "verify_peer": tls.verifiesPeer = true
    case "verify_none": tls.verifiesPeer = false
    default: throw .invalidURL("verify must be verify_peer or verify_none")
    }
    guard (tls.certificateFile == nil) == (tls.keyFile == nil) else {
      throw .invalidURL("certfile and keyfile must be given together")
    }
    guard url.query.isEmpty else {
      throw .invalidURL("there is an unknown query parameter; valid are cacertfile, certfile, keyfile and verify")
    }
    self.tls = tls
  }

  /// Where the broker is, without user and password.
  var endpoint: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// As a URL, with asterisks for the password.
  public var description: String {
    "\(tls == nil ? "amqp" : "amqps")://\(user):***@\(endpoint)/\(virtualHost == "/" ? "%2f" : virtualHost)"
  }

  /// For `dump` and the debugger, which would otherwise show the fields.
  public var customMirror: Mirror { Mirror(self, children: ["url": description]) }

  /// AMQP carries the interval as a 16-bit number of seconds.
  var heartbeatSeconds: CInt {
    let (seconds, attoseconds) = heartbeat.components
    return CInt(min(max(attoseconds > 0 ? seconds + 1 : seconds, 1), 65_535))
  }
}

/// An AMQP URL taken apart and percent-decoded.
private struct URLParts {
  var isSecure: Bool
  var user: String?
  var password: String?
  var host: String
  var port: UInt16?
  var virtualHost: String?
  var query: [String: String] = [:]

  init(_ url: String) throws(RabbitMQError) {
    guard let schemeEnd = url.firstRange(of: "://") else { throw .invalidURL("it must begin with amqp:// or amqps://") }
    switch url[..<schemeEnd.lowerBound].lowercased() {
    case "amqp": isSecure = false
    case "amqps": isSecure = true
    default: throw .invalidURL("it must begin with amqp:// or amqps://")
    }
    var rest = url[schemeEnd.upperBound...]
    guard !rest.contains("#") else { throw .invalidURL("a # must be written %23") }
    if let mark = rest.firstIndex(of: "?") {
      for pair in rest[mark...].dropFirst().split(separator: "&") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .invalidURL("its query parameters must have the form name=value") }
        query[try decode(parts[0])] = try decode(parts[1])
      }
      rest = rest[..<mark]
    }
    if let slash = rest.firstIndex(of: "/") {
      let path = rest[slash...].dropFirst()
      guard !path.contains("/") else { throw .invalidURL("a / in the virtual host must be written %2f") }
      if !path.isEmpty { virtualHost = try decode(path) }
      rest = rest[..<slash]
    }
    if let at = rest.lastIndex(of: "@") {
      let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      user = try decode(parts[0])
      if parts.count == 2 { password = try decode(parts[1]) }
      rest = rest[at...].dropFirst()
    }
    // An IPv6 address stands in brackets, so that its colons are not taken for the port's.
    if rest.first == "[" {
      guard let end = rest.firstIndex(of: "]") else { throw .invalidURL("the bracket of the IPv6 address is not closed") }
      host = String(rest[..<end].dropFirst())
      rest = rest[end...].dropFirst()
    } else {
      let end = rest.firstIndex(of: ":") ?? rest.endIndex
      host = try decode(rest[..<end])
      rest = rest[end...]
    }
    guard !host.isEmpty else { throw .invalidURL("the host is missing") }
    guard !rest.isEmpty else { return }
    guard rest.first == ":", let number = UInt16(rest.dropFirst()), number > 0 else {
      throw .invalidURL("the port must be a number from 1 to 65535")
    }
    port = number
  }
}

/// `%41` becomes `A`. What ends up in a C string must not contain a zero byte.
private func decode(_ text: Substring) throws(RabbitMQError) -> String {
  var bytes: [UInt8] = []
  var rest = Substring(text).utf8
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "%") else {
      bytes.append(byte)
      continue
    }
    guard let high = hexadecimal(rest.popFirst()), let low = hexadecimal(rest.popFirst()) else {
      throw .invalidURL("a % must be followed by two hexadecimal digits; a % itself is written %25")
    }
    bytes.append(high << 4 | low)
  }
  guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
    throw .invalidURL("its percent-encoding does not give text in UTF-8")
  }
  return decoded
}

private func hexadecimal(_ digit: UInt8?) -> UInt8? {
  digit.flatMap { Character(UnicodeScalar($0)).hexDigitValue }.map { UInt8($0) }
}

extension RabbitMQError {
  fileprivate static func invalidURL(_ problem: String) -> RabbitMQError {
    RabbitMQError(code: .invalidURL, message: "the RabbitMQ URL is not valid: \(problem)")
  }
}
