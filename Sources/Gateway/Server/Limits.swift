import NIOCore

/// What a client may ask of the gateway's patience and memory.
enum Limits {
  /// A hall with 200,000 seats in rows of 500 takes 30 KB.
  static let bodyBytes = 1 << 20
  /// The bodies of all requests of an event loop that are not answered yet.
  static let allBodiesBytes = 128 << 20
  static let uriBytes = 8 << 10
  /// All header fields together.
  static let headerBytes = 16 << 10
  static let headerFields = 100
  /// What is read of a request's line and header before the connection is given up: enough to tell which of the two is too large.
  static let headBytes = 128 << 10
  /// From the first byte of a request to its last: a phone on a bad network needs a second or two.
  static let timeToSend = TimeAmount.seconds(15)
  /// Until a connection that asks nothing is closed, and until one is whose client does not read its answers.
  static let idle = TimeAmount.seconds(75)
  /// How long a client has to close its side when the last answer is sent.
  static let linger = TimeAmount.seconds(2)
  /// For how long a client that is slow to read its answer keeps the process from ending.
  static let parting = TimeAmount.seconds(10)
  /// Open connections, where the system allows the process so many; more wait in the system's backlog.
  static let connections = 20_000
  /// Connections that are accepted before it is another connection's turn. With sixteen, those who came new in a rush, when turns are
  /// long, waited for seconds.
  static let accepted = 128
  /// How long an answer may be held by `Prefer: wait`.
  static let waitSeconds = 30
  /// Entries of a page.
  static let page = 1...100
  static let defaultPage = 20
}
