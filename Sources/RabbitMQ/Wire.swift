import CRabbitMQ
import Glibc

/// The library's connection: the only code that calls it. Made, used and freed on one thread, as its README demands: "You cannot
/// share a socket, an `amqp_connection_state_t`, or a channel between threads using `librabbitmq`."
///
/// Writing may block; see ``Watchdog``. Reading never does.
final class Wire {
  /// Frames of more than this many bytes are split. 0 ("no limit") would make the library allocate what the broker names.
  private static let largestFrame: CInt = 131_072

  let arena = Arena()
  /// For messages: "RabbitMQ at 127.0.0.1:5672".
  let broker: String
  private let heartbeat: CInt
  private let connection: amqp_connection_state_t

  /// Connects and logs in within `connectTimeout`; blocks that long.
  init(connecting configuration: RabbitMQConfiguration) throws(RabbitMQError) {
    guard let connection = amqp_new_connection() else { preconditionFailure("out of memory") }
    self.connection = connection
    broker = "RabbitMQ at \(configuration.endpoint)"
    heartbeat = configuration.heartbeatSeconds
    let deadline = ContinuousClock.now + configuration.connectTimeout
    try open(configuration, until: deadline)
    try logIn(configuration, until: deadline)
  }

  deinit { amqp_destroy_connection(connection) }

  var fileDescriptor: CInt { amqp_get_sockfd(connection) }

  var largestChannel: UInt16 { UInt16(clamping: amqp_get_channel_max(connection)) }

  // MARK: Connecting

  private func open(_ configuration: RabbitMQConfiguration, until deadline: ContinuousClock.Instant) throws(RabbitMQError) {
    let socket =
      if let tls = configuration.tls { try makeSocket(tls) } else { amqp_tcp_socket_new(connection) }
    guard let socket else { preconditionFailure("out of memory") }
    var timeout = timeval(until: deadline)
    errno = 0
    let status = amqp_socket_open_noblock(socket, configuration.host, CInt(configuration.port), &timeout)
    guard status != AMQP_STATUS_OK.rawValue else { return }
    let reason = errno
    switch status {
    case AMQP_STATUS_TIMEOUT.rawValue:
      throw error(.timedOut, "did not accept the connection within \(configuration.connectTimeout); is it overloaded or cut off?")
    case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED.rawValue:
      throw error(.connectFailed, "cannot be found: the name has no address; is it spelt correctly?")
    case AMQP_STATUS_SSL_PEER_VERIFY_FAILED.rawValue:
      throw error(.tlsFailed, "has a certificate that no trusted authority signed; is cacertfile the right one?")
    case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED.rawValue:
      // The library compares with the certificate's names only, not with its IP addresses.
      throw error(.tlsFailed, "has a certificate for another name; is the host in the URL a name, and one of the certificate's?")
    case AMQP_STATUS_SSL_ERROR.rawValue, AMQP_STATUS_SSL_CONNECTION_FAILED.rawValue:
      throw error(.tlsFailed, "did not agree on TLS; is this its TLS port?")
    default:
      // The library keeps the reason to itself if the refusal came after a while.
      guard reason != ECONNREFUSED, reason != EINPROGRESS, reason != 0 else {
        throw error(.connectFailed, "refused the connection; is it running?")
      }
      throw error(.connectFailed, "cannot be reached: \(String(cString: strerror(reason)))")
    }
  }

  private func makeSocket(_ tls: RabbitMQConfiguration.TLS) throws(RabbitMQError) -> OpaquePointer? {
    guard let socket = amqp_ssl_socket_new(connection) else { return nil }
    amqp_ssl_socket_set_verify_peer(socket, tls.verifiesPeer ? 1 : 0)
    amqp_ssl_socket_set_verify_hostname(socket, tls.verifiesPeer ? 1 : 0)
    amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
    if tls.verifiesPeer {
      let file = tls.authoritiesFile ?? "/etc/ssl/certs/ca-certificates.crt"
      guard amqp_ssl_socket_set_cacert(socket, file) == AMQP_STATUS_OK.rawValue else {
        throw error(.tlsFailed, "cannot be verified: \(file) has no readable certificates in PEM format")
      }
    }
    if let certificate = tls.certificateFile, let key = tls.keyFile {
      guard amqp_ssl_socket_set_key(socket, certificate, key) == AMQP_STATUS_OK.rawValue else {
        throw error(
          .tlsFailed, "needs a client certificate, but \(certificate) or \(key) cannot be read or do not belong together")
      }
    }
    return socket
  }

  private func logIn(_ configuration: RabbitMQConfiguration, until deadline: ContinuousClock.Instant) throws(RabbitMQError) {
    var timeout = timeval(until: deadline)
    amqp_set_handshake_timeout(connection, &timeout)
    defer { arena.recycle() }
    // Without these the broker would not say that it raised an alarm, nor that a consumer's queue is gone: it would merely
    // fall silent.
    var properties = arena.table([
      "connection_name": .string(configuration.connectionName),
      "capabilities": .table([
        "publisher_confirms": true, "basic.nack": true, "connection.blocked": true, "consumer_cancel_notify": true,
      ]),
    ])
    let reply = amqp_login_plain(
      connection, configuration.virtualHost, 0, Self.largestFrame, heartbeat, &properties, configuration.user,
      configuration.password)
    switch reply.reply_type {
    case AMQP_RESPONSE_NORMAL: return
    case AMQP_RESPONSE_SERVER_EXCEPTION: throw refusedLogin(reply.reply, configuration)
    default: break
    }
    switch reply.library_error {
    case AMQP_STATUS_TIMEOUT.rawValue, AMQP_STATUS_HEARTBEAT_TIMEOUT.rawValue:
      throw error(.timedOut, "did not answer the login within \(configuration.connectTimeout); is it stopped or overloaded?")
    default:
      throw error(
        .connectFailed,
        "broke off during the login (\(Self.explain(reply.library_error))); is this the right port, with or without TLS?")
    }
  }

  private func refusedLogin(_ method: amqp_method_t, _ configuration: RabbitMQConfiguration) -> RabbitMQError {
    guard method.id == AMQP_CONNECTION_CLOSE_METHOD, case .connectionClosed(let code, let text)? = Frame(method) else {
      return error(.protocolViolation, "answered the login with method \(method.id)")
    }
    // 403 is what a login is refused with; a virtual host that is not the user's is 530.
    if code == UInt16(AMQP_ACCESS_REFUSED) {
      return error(.authenticationFailed, "does not accept user \(configuration.user) with this password")
    }
    return .refusal(replyCode: code, "\(broker) does not open virtual host \(configuration.virtualHost): \(text)")
  }

  // MARK: Frames

  /// The next frame and its channel, or nil if none has arrived. Also sends a heartbeat when one is due, and notices the
  /// broker's silence.
  func receive() throws(RabbitMQError) -> (frame: Frame, channel: UInt16)? {
    var raw = amqp_frame_t()
    var immediately = timeval()
    let status = amqp_simple_wait_frame_noblock(connection, &raw, &immediately)
    if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
    guard status == AMQP_STATUS_OK.rawValue else { throw failure(status) }
    // The frame's memory, which is free again once it has been copied.
    defer { amqp_maybe_release_buffers_on_channel(connection, raw.channel) }
    guard let frame = Frame(raw) else { throw error(.protocolViolation, "sent a frame of type \(raw.frame_type)") }
    return (frame, raw.channel)
  }

  /// Waits until the socket takes more, at most so long, or until there is something to read; says whether it takes more.
  func waitUntilWritable(atMost limit: Duration) -> Bool {
    var descriptor = pollfd(fd: fileDescriptor, events: Int16(POLLIN | POLLOUT), revents: 0)
    let (seconds, attoseconds) = limit.components
    poll(&descriptor, 1, CInt(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000))
    return descriptor.revents & Int16(POLLOUT) != 0
  }

  /// Sends a method with its C structure.
  func send(_ method: UInt32, _ fields: some BitwiseCopyable, on channel: UInt16) throws(RabbitMQError) {
    var fields = fields
    let status = withUnsafeMutablePointer(to: &fields) { amqp_send_method(connection, channel, method, $0) }
    guard status == AMQP_STATUS_OK.rawValue else { throw failure(status) }
  }

  /// Lets the kernel collect what is written until `uncork`, instead of sending a packet per message.
  func cork() { setCork(1) }

  func uncork() { setCork(0) }

  private func setCork(_ on: CInt) {
    var on = on
    // Only for speed, so a failure does not matter.
    setsockopt(fileDescriptor, CInt(IPPROTO_TCP), TCP_CORK, &on, socklen_t(MemoryLayout<CInt>.size))
  }

  func publish(_ message: RabbitMQMessage, id: String, on channel: UInt16) throws(RabbitMQError) {
    defer { arena.recycle() }
    var properties = amqp_basic_properties_t()
    properties._flags = amqp_flags_t(AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG)
    properties.message_id = arena.bytes(id)
    properties.delivery_mode = message.isPersistent ? 2 : 1
    if let timestamp = message.timestamp {
      properties._flags |= amqp_flags_t(AMQP_BASIC_TIMESTAMP_FLAG)
      properties.timestamp = timestamp
    }
    if let headers = message.headers {
      properties._flags |= amqp_flags_t(AMQP_BASIC_HEADERS_FLAG)
      properties.headers = arena.table(headers)
    }
    let status = message.body.withUnsafeBytes { body in
      amqp_basic_publish(
        connection, channel, arena.bytes(message.exchange), arena.bytes(message.routingKey), /* mandatory */ 1, 0, &properties,
        amqp_bytes_t(len: body.count, bytes: UnsafeMutableRawPointer(mutating: body.baseAddress)))
    }
    guard status == AMQP_STATUS_OK.rawValue else { throw failure(status) }
  }

  // MARK: Errors

  func error(_ code: RabbitMQError.Code, _ what: String) -> RabbitMQError {
    RabbitMQError(code: code, message: "\(broker) \(what)")
  }

  private func failure(_ status: CInt) -> RabbitMQError {
    switch status {
    case AMQP_STATUS_HEARTBEAT_TIMEOUT.rawValue:
      error(.connectionLost, "has been silent for \(2 * heartbeat) s; is it stopped, overloaded or cut off?")
    case AMQP_STATUS_CONNECTION_CLOSED.rawValue, AMQP_STATUS_SOCKET_ERROR.rawValue, AMQP_STATUS_SOCKET_CLOSED.rawValue,
      AMQP_STATUS_SSL_ERROR.rawValue:
      error(.connectionLost, "closed the connection; was it stopped?")
    default: error(.protocolViolation, "sent or was sent something wrong: \(Self.explain(status))")
    }
  }

  private static func explain(_ status: CInt) -> String { String(cString: amqp_error_string2(status)) }
}

extension timeval {
  /// The time left, at least a millisecond.
  fileprivate init(until deadline: ContinuousClock.Instant) {
    let (seconds, attoseconds) = max(.milliseconds(1), ContinuousClock.now.duration(to: deadline)).components
    self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
  }
}
