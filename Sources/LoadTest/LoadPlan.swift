/// What to send, how fast, and how long to wait for the answers.
public struct LoadPlan: Sendable {
  /// Whose tickets are asked for.
  public enum Sale: Sendable {
    /// An event that exists already, by its id.
    case existing(id: String)
    /// A new event, from the JSON that `POST /v1/events` takes. Its sale opens at once unless the body says otherwise.
    case create(body: [UInt8])
  }

  /// When requests leave.
  public enum Shape: Sendable, Equatable {
    /// As many requests are under way as there are connections: the next leaves when one is answered.
    case closed
    /// Requests leave on schedule whatever the answers do, and their latency counts from the scheduled time.
    /// A run of so many seconds is `requests = ratePerSecond × seconds`.
    case open(ratePerSecond: Double)
  }

  /// How accepted requests are followed to their outcome. Each is asked for by itself, the oldest first.
  public enum Following: Sendable, Equatable {
    /// `Prefer: wait`: the server holds the answer until there is an outcome. The finest times.
    case wait(seconds: Int)
    /// Ask, and ask again after `Retry-After`: what a simple client does. Outcomes are seen up to a second late.
    case poll
  }

  /// `http://host:port` of a gateway.
  public var target: String
  public var event: Sale
  /// How many reservations are asked for.
  public var requests: Int
  /// 1: every request is another customer's.
  public var requestsPerCustomer = 1
  public var shape = Shape.closed
  /// Closed loop: requests under way. Open loop: the most that may be under way; those beyond wait, and the wait counts.
  public var connections = 64
  /// How many tickets a request asks for, each number alike often.
  public var ticketsPerRequest: ClosedRange<Int> = 1...4
  /// The share of requests, 0 to 1, that name their seats instead of taking the best available. Only where there are seats.
  public var namedSeatsShare = 0.1
  public var following = Following.wait(seconds: 10)
  /// Connections that follow reservations. With fewer than ask for them, outcomes are seen later than they can be.
  public var followers = 64
  /// How often a request that was refused with 503 or 429 is sent again, after `Retry-After`. Default: 3 in a closed loop, else 0.
  public var retries: Int?
  /// After this long without an answer a request's fate is unknown; it is sent again with the same key.
  public var requestTimeout = Duration.seconds(30)
  /// How long to wait for the next outcome once every request has been answered. If for as long no request is answered although
  /// connections fail, nothing more is sent.
  public var outcomeTimeout = Duration.seconds(30)
  /// How long the audit waits until the counts agree with the last decision and no longer change.
  public var settleTimeout = Duration.seconds(30)
  /// Reads that each connection does before the clock starts. At least one opens it.
  public var warmUpReads = 1
  /// Whether the audit reads every reservation again, to see that its outcome is still the same.
  public var readsOutcomesAgain = true
  /// The same seed asks for the same tickets.
  public var seed: UInt64 = 1
  /// Begins every `Idempotency-Key`, so that no run repeats the requests of another.
  public var run = String(UInt64.random(in: 0 ..< .max), radix: 36)

  public init(target: String, event: Sale, requests: Int) {
    (self.target, self.event, self.requests) = (target, event, requests)
  }

  var customers: Int { (requests + requestsPerCustomer - 1) / requestsPerCustomer }

  /// Requests of one customer are spread over the run.
  func customer(of request: Int) -> Int { request % customers }

  var retriesWhenBusy: Int { retries ?? (shape == .closed ? 3 : 0) }

  var waitSeconds: Int? { if case .wait(let seconds) = following { seconds } else { nil } }

  func check() throws(LoadError) {
    let rules: [(Bool, String)] = [
      (requests >= 1 && requests <= Self.mostRequests, "The number of requests is from 1 to \(Self.mostRequests)."),
      (requestsPerCustomer >= 1, "A customer sends at least one request."),
      (1...Self.mostConnections ~= connections, "The number of connections is from 1 to \(Self.mostConnections)."),
      (1...Self.mostConnections ~= followers, "The number of followers is from 1 to \(Self.mostConnections)."),
      (ticketsPerRequest.lowerBound >= 1 && ticketsPerRequest.upperBound <= 100, "A request asks for 1 to 100 tickets."),
      (0...1 ~= namedSeatsShare, "The share of named seats is from 0 to 1."),
      (1...30 ~= (waitSeconds ?? 1), "`Prefer: wait` takes 1 to 30 seconds."),
    ]
    for (holds, rule) in rules where !holds { throw LoadError(rule) }
    if case .open(let rate) = shape, !(rate > 0 && rate <= 1_000_000) {
      throw LoadError("The rate is more than 0 and at most 1,000,000 requests a second.")
    }
  }

  /// A record of every request stays in memory, about 300 bytes each.
  static let mostRequests = 5_000_000
  /// A connection is a file descriptor here and another at the gateway.
  static let mostConnections = 10_000
}

/// Who asks. Tokens are made before the clock starts.
public struct LoadCredentials: Sendable {
  /// The bearer token of customer number 0, 1, 2…
  public var tokenFor: @Sendable (_ customer: Int) -> String
  /// Creates the event; also used for reading it.
  public var organiserToken: String

  public init(organiserToken: String, tokenFor: @escaping @Sendable (_ customer: Int) -> String) {
    (self.tokenFor, self.organiserToken) = (tokenFor, organiserToken)
  }
}

/// Why a run could not begin, or had to stop before it measured anything.
public struct LoadError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What happened and what to do, as sentences.
  public let description: String

  init(_ description: String) { self.description = description }
}

/// Where the gateway listens.
struct Target: Sendable, Equatable {
  var host: String
  var port: Int

  /// Takes `http://host:port`, with an optional slash at its end.
  init(_ url: String) throws(LoadError) {
    let wrong = LoadError("\(url) is no target: it is written http://host:port, without a path; https is not supported.")
    guard url.hasPrefix("http://") else { throw wrong }
    var authority = url.dropFirst("http://".count)
    if authority.last == "/" { authority.removeLast() }
    guard !authority.isEmpty, !authority.contains(where: { "/?#@ ".contains($0) }) else { throw wrong }
    guard let colon = authority.lastIndex(of: ":"), authority.last != "]" else {
      (host, port) = (String(authority), 80)
      return
    }
    guard let number = Int(authority[authority.index(after: colon)...]), 1...65535 ~= number else { throw wrong }
    (host, port) = (String(authority[..<colon]), number)
  }
}
