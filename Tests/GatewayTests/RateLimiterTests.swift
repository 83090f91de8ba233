import HTTPTypes
import NIOHTTP1
import Pipeline
import Synchronization
import Telemetry
import Testing
import Ticketing

@testable import Gateway

struct RateLimiterTests {
  private let rates = FakeRateCounter()

  private func limiter(
    user: RateLimit? = nil, address: RateLimit? = nil, accounts: RateLimit? = nil, proxy: Bool = false,
    now: @escaping @Sendable () -> Timestamp = { present }
  ) -> RateLimiter {
    var limits = RateLimits()
    (limits.user, limits.address, limits.accounts, limits.trustsForwardedFor) = (user, address, accounts, proxy)
    return RateLimiter(limits, counter: rates, now: now)
  }

  private func request(from address: String, forwardedFor: String? = nil) -> Request {
    Request(
      method: .POST, target: "/", fields: HeaderFields(forwardedFor.map { ["X-Forwarded-For": $0] } ?? [:]), address: address)
  }

  /// How many of so many commands are let through.
  private func admitted(_ count: Int, by limiter: RateLimiter, of user: CustomerID = customer, _ request: Request? = nil) async
    -> Int
  {
    var admitted = 0
    for _ in 0..<count {
      do throws(Problem) {
        _ = try await limiter.admit(commandOf: user, request ?? self.request(from: "10.0.0.1"))
        admitted += 1
      } catch {
        #expect(error.code == .rateLimited)
      }
    }
    return admitted
  }

  @Test func `a user is given the quota and not one request more, whichever gateway is asked`() async {
    let limit = RateLimit(requests: 10, seconds: 60)
    let (one, other) = (limiter(user: limit), limiter(user: limit))
    #expect(await admitted(6, by: one) == 6)
    #expect(await admitted(6, by: other) == 4)
    #expect(await admitted(3, by: one) == 0)
    #expect(await admitted(3, by: one, of: CustomerID(77)) == 3)
  }

  @Test func `what was counted while the count was away is told when it is back`() async {
    let limit = RateLimit(requests: 10, seconds: 60)
    let (one, other) = (limiter(user: limit), limiter(user: limit))
    rates.isAway.store(true, ordering: .relaxed)
    #expect(await admitted(6, by: one) == 6)
    rates.isAway.store(false, ordering: .relaxed)
    #expect(await admitted(1, by: one) == 1)
    #expect(await admitted(6, by: other) == 3)
  }

  @Test func `each window has the whole quota`() async {
    let clock = Mutex(present)
    let limiter = limiter(user: RateLimit(requests: 3, seconds: 60)) { clock.withLock { $0 } }
    // The first window has twenty seconds left.
    for (seconds, count) in [(0, 3), (19, 0), (20, 3), (79, 0), (80, 3)] {
      clock.withLock { $0 = present.adding(seconds: seconds) }
      #expect(await admitted(5, by: limiter) == count, "after \(seconds) s")
    }
  }

  @Test func `whoever behaves costs no round trip`() async {
    #expect(await admitted(10, by: limiter(user: RateLimit(requests: 160, seconds: 60))) == 10)
    #expect(rates.calls == 0)
    // Neither does whoever does not, once that is known.
    let strict = limiter(user: RateLimit(requests: 5, seconds: 60))
    #expect(await admitted(500, by: strict, of: CustomerID(5)) == 5)
    #expect(rates.calls == 6)
  }

  @Test func `without Redis each gateway counts for itself`() async {
    rates.isAway.store(true, ordering: .relaxed)
    #expect(await admitted(20, by: limiter(user: RateLimit(requests: 10, seconds: 60))) == 10)
  }

  @Test func `the header fields tell the policy and what is left`() async throws {
    let limiter = limiter(user: RateLimit(requests: 2, seconds: 60))
    let headers = try await limiter.admit(commandOf: customer, request(from: "10.0.0.1"))
    #expect(headers["RateLimit-Policy"] == ["\"user\";q=2;w=60"])
    let left = 60 - (present.microseconds / 1_000_000) % 60
    #expect(headers["RateLimit"] == ["\"user\";r=1;t=\(left)"])
    _ = await admitted(1, by: limiter)
    do throws(Problem) {
      _ = try await limiter.admit(commandOf: customer, request(from: "10.0.0.1"))
      Issue.record("the third was admitted")
    } catch {
      #expect(error.status == .tooManyRequests)
      #expect(error.headers["Retry-After"] == ["\(left)"])
      #expect(error.headers["RateLimit"] == ["\"user\";r=0;t=\(left)"])
    }
  }

  @Test func `users of one address share its quota, if it has one`() async {
    let limiter = limiter(address: RateLimit(requests: 3, seconds: 60))
    #expect(await admitted(2, by: limiter, of: CustomerID(1)) == 2)
    #expect(await admitted(2, by: limiter, of: CustomerID(2)) == 1)
    #expect(await admitted(2, by: limiter, of: CustomerID(2), request(from: "10.0.0.2")) == 2)
  }

  @Test func `an address that a proxy tells counts only where the proxy is trusted`() async {
    let limit = RateLimit(requests: 1, seconds: 60)
    let (trusting, wary) = (limiter(address: limit, proxy: true), limiter(address: limit))
    for (number, limiter) in [(2, trusting), (0, wary)] {
      var total = 0
      for last in ["1.1.1.1", "2.2.2.2"] {
        total += await admitted(1, by: limiter, request(from: "10.0.0.9", forwardedFor: "9.9.9.9, \(last)"))
      }
      #expect(total == max(1, number))
    }
  }

  @Test func `sign-ins are limited by address`() async throws {
    let limiter = limiter(accounts: RateLimit(requests: 1, seconds: 60))
    _ = try await limiter.admit(accountOf: request(from: "10.0.0.1"))
    await #expect(throws: Problem.self) { _ = try await limiter.admit(accountOf: request(from: "10.0.0.1")) }
    _ = try await limiter.admit(accountOf: request(from: "10.0.0.2"))
  }

  @Test func `too many requests are a 429 over HTTP`() async throws {
    var limits = RateLimits()
    limits.user = RateLimit(requests: 1, seconds: 60)
    let gateway = TestGateway(limits: limits)
    let path = "/v1/events/\(EventID(0xE))/reservations"
    let body = #"{"selection":{"section":"floor","quantity":1}}"#
    let first = try await gateway.send(.post, path, [.idempotencyKey: "a"], body: body)
    #expect(first.status == 202)
    #expect(first.headers[.init("RateLimit")!]?.hasPrefix("\"user\";r=0;t=") == true)
    let second = try await gateway.send(.post, path, [.idempotencyKey: "b"], body: body)
    #expect(second.status == 429)
    #expect(second.code == "rate_limited")
    #expect(gateway.metrics.text.contains(#"path="/v1/events/{event_id}/reservations",status="429"} 1"#))
  }

  @Test(arguments: [
    ("/v1/users", #"{"email":"ada@example.org","password":"0123456789","name":"Ada"}"#, [201, 429, 409]),
    ("/v1/sessions", #"{"email":"ada@example.org","password":"0123456789"}"#, [401, 429, 401]),
  ])
  func `too many registrations or sign-ins from one address are a 429 over HTTP`(path: String, body: String, statuses: [Int])
    async throws
  {
    var limits = RateLimits()
    limits.accounts = RateLimit(requests: 1, seconds: 60)
    limits.trustsForwardedFor = true
    let gateway = TestGateway(limits: limits)
    for (address, status) in zip(["10.0.0.1", "10.0.0.1", "10.0.0.2"], statuses) {
      #expect(try await gateway.send(.post, path, [.forwardedFor: address], body: body, isSigned: false).status == status)
    }
  }
}

/// Counts in memory.
final class FakeRateCounter: RateCounter {
  let isAway = Atomic(false)
  private let state = Mutex((counts: [String: Int](), calls: 0))

  var calls: Int { state.withLock { $0.calls } }

  func add(_ count: Int, to key: String, keptFor seconds: Int) async throws(ViewUnavailable) -> Int {
    if isAway.load(ordering: .relaxed) { throw ViewUnavailable("away") }
    return state.withLock { state in
      state.calls += 1
      state.counts[key, default: 0] += count
      return state.counts[key] ?? 0
    }
  }
}
