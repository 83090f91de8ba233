import NIOHTTP1
import Pipeline
import Synchronization
import Ticketing

/// So many requests in so many seconds.
public struct RateLimit: Hashable, Sendable {
  public var requests: Int
  public var seconds: Int

  public init(requests: Int, seconds: Int) {
    self.requests = requests
    self.seconds = seconds
  }
}

/// What the gateway takes from one user or one address. Nil is no limit.
public struct RateLimits: Sendable {
  /// Commands (reservations, releases, extensions) of one user.
  public var user: RateLimit? = RateLimit(requests: 1000, seconds: 10)
  /// The same of one address. None unless it is set: a school, a company or a proxy is one address.
  public var address: RateLimit?
  /// Registrations and sign-ins from one address.
  public var accounts: RateLimit? = RateLimit(requests: 6000, seconds: 60)
  /// Whether a proxy in front of the gateway tells the address as the last entry of `X-Forwarded-For`.
  public var trustsForwardedFor = false

  public init() {}
}

/// Refuses those who ask too often, over all gateways. Without Redis each gateway counts for itself.
final class RateLimiter: Sendable {
  /// Each gateway takes this part of a quota on its own before it asks Redis: whoever behaves costs no round trip.
  private static let ownPart = 16
  /// How many usages a shard may have without a look at which of them are over.
  private static let fewUsages = 256

  /// Whose requests are counted, and for what.
  private enum Subject: Hashable {
    case user(CustomerID)
    case address(String)
    case accounts(address: String)

    /// What the count is kept under, for all gateways.
    var key: String {
      switch self {
      case .user(let user): "user:\(user)"
      case .address(let address): "address:\(address)"
      case .accounts(let address): "accounts:\(address)"
      }
    }
  }

  /// Somebody's requests in the window that is running.
  private struct Usage {
    /// The second in which the window ends.
    var end: Int64
    /// All that is known of: what Redis said last, and own requests since.
    var used = 0
    /// Own requests that Redis has not heard of.
    var untold = 0

    /// Counts a request in the window that ends then. Gives how many there were, and how many of them Redis is now to be told.
    mutating func count(in window: Int64, of limit: RateLimit) -> (used: Int, untold: Int) {
      if end != window { self = Usage(end: window) }
      used += 1
      untold += 1
      // Whoever is over the quota is so for the rest of the window, whatever others count.
      guard used > limit.requests / RateLimiter.ownPart && used <= limit.requests + 1 else { return (used, 0) }
      defer { untold = 0 }
      return (used, untold)
    }
  }

  /// Some subjects' usages. There are many of these, so that what is done to a whole one now and then holds up nobody.
  private final class Shard: Sendable {
    struct State {
      var usages: [Subject: Usage] = [:]
      /// How many there may be before those whose window is over are forgotten.
      var sweepAt = RateLimiter.fewUsages

      mutating func sweep(at second: Int64) {
        if usages.count < sweepAt { return }
        usages = usages.filter { $0.value.end > second }
        sweepAt = max(RateLimiter.fewUsages, usages.count * 2)
      }
    }

    let state = Mutex(State())
  }

  /// A limit, and what is always the same of what clients are told of it: `RateLimit-Policy`, and the beginning of `RateLimit`.
  private struct Quota: Sendable {
    let limit: RateLimit
    let policyField: String
    let field: String

    init(_ limit: RateLimit, policy: String) {
      self.limit = limit
      policyField = "\"\(policy)\";q=\(limit.requests);w=\(limit.seconds)"
      field = "\"\(policy)\";r="
    }
  }

  private let user: Quota?
  private let address: Quota?
  private let accounts: Quota?
  private let trustsForwardedFor: Bool
  private let counter: any RateCounter
  private let now: @Sendable () -> Timestamp
  private let shards = (0..<64).map { _ in Shard() }

  init(_ limits: RateLimits, counter: any RateCounter, now: @escaping @Sendable () -> Timestamp) {
    user = limits.user.map { Quota($0, policy: "user") }
    address = limits.address.map { Quota($0, policy: "address") }
    accounts = limits.accounts.map { Quota($0, policy: "accounts") }
    trustsForwardedFor = limits.trustsForwardedFor
    self.counter = counter
    self.now = now
  }

  /// Counts a command. Gives the header fields that tell what is left.
  /// - Throws: `429`.
  func admit(commandOf user: CustomerID, _ request: Request) async throws(Problem) -> ResponseHeaders {
    var headers: ResponseHeaders = [:]
    if let quota = self.user { try await admit(.user(user), quota, &headers) }
    if let quota = address, let address = address(of: request) { try await admit(.address(address), quota, &headers) }
    return headers
  }

  /// Counts a registration or a sign-in.
  /// - Throws: `429`.
  func admit(accountOf request: Request) async throws(Problem) -> ResponseHeaders {
    var headers: ResponseHeaders = [:]
    if let quota = accounts, let address = address(of: request) {
      try await admit(.accounts(address: address), quota, &headers)
    }
    return headers
  }

  private func address(of request: Request) -> String? {
    guard trustsForwardedFor, let forwarded = request.fields.forwardedFor else { return request.address }
    return forwarded.split(separator: ",").last.map { String($0.filter { $0 != " " }) }
  }

  private func admit(
    _ subject: Subject, _ quota: Quota, _ headers: inout ResponseHeaders
  ) async throws(Problem) {
    let limit = quota.limit
    let second = now().microseconds / 1_000_000
    let end = (second / Int64(limit.seconds) + 1) * Int64(limit.seconds)
    let used = await use(subject, limit, at: second, windowEnd: end)
    headers.add(name: "RateLimit-Policy", value: quota.policyField)
    quota.field.withBytes { field in
      headers.add(name: "RateLimit", room: field.count + 2 * TextRoom.longestInteger + 3) { text in
        text.write(field)
        text.write(Int64(max(0, limit.requests - used)))
        text.write(";t=")
        text.write(end - second)
      }
    }
    if used > limit.requests {
      var problem = Problem(
        .rateLimited, "There may be \(limit.requests) such requests in \(limit.seconds) seconds.",
        retryAfter: Int(end - second))
      problem.headers.add(contentsOf: headers)
      throw problem
    }
  }

  /// How many requests there were in this window, with this one.
  private func use(_ subject: Subject, _ limit: RateLimit, at second: Int64, windowEnd end: Int64) async -> Int {
    let shard = shards[Int(UInt(bitPattern: subject.hashValue) % UInt(shards.count))]
    let (used, untold) = shard.state.withLock { state in
      state.sweep(at: second)
      // Where it lies: to take it out and put it back would look for it twice.
      return state.usages[subject, default: Usage(end: end)].count(in: end, of: limit)
    }
    if untold == 0 { return used }
    do throws(ViewUnavailable) {
      let sum = try await counter.add(untold, to: "\(subject.key):\(end)", keptFor: limit.seconds * 2)
      shard.state.withLock { state in
        guard let usage = state.usages[subject], usage.end == end else { return }
        state.usages[subject]?.used = max(usage.used, sum)
      }
      return max(used, sum)
    } catch {
      shard.state.withLock { state in
        if state.usages[subject]?.end == end { state.usages[subject]?.untold += untold }
      }
      return used
    }
  }
}
