import BackendsTestSupport
import Foundation
import Pipeline
import PostgreSQL
import Redis
import TestSupport
import TicketHubTestSupport
import Ticketing

/// Judges a run that is over, from what its customers were told, over HTTP, and from the database and Redis themselves.
struct Checker: Sendable {
  let hub: TicketHub
  /// How soon Redis must be equal to PostgreSQL by itself.
  var patience = Duration.seconds(60)

  /// Everything that is not as it was promised, in words; nothing if all is well.
  func violations(in history: History, of events: [EventID]) async throws -> [String] {
    var violations = history.contradictions + history.purchases.flatMap(Self.impossibleAnswers)
    let pool = try testPool(hub.postgres.url)
    let redis = RedisClient.make(try redisConfiguration(of: hub.redis))
    for event in events {
      violations += try await auditOnceQuiet(event, pool, redis)
      let book = try await Book(of: event, in: pool)
      let purchases = history.purchases.filter { $0.event == event }
      violations += Self.brokenPromises(purchases, book) + Self.brokenOrder(purchases, book)
      violations += try await wrongCounts(event, book) + doubleSales(purchases, book)
    }
    await redis.close()
    await pool.close()
    return violations
  }

  /// The journal told again against the tables and the view. Holds still expire while that is looked at, and Redis may be catching
  /// up, so what differs only for a moment is no violation.
  private func auditOnceQuiet(_ event: EventID, _ pool: PostgresPool, _ redis: RedisClient) async throws -> [String] {
    var differences: [String] = []
    do {
      try await eventually(within: patience, "Redis equal to PostgreSQL") {
        differences = try await audit(event, in: pool, view: redis)
        return differences.isEmpty
      }
    } catch let failure as DidNotHappen {
      return differences.isEmpty
        ? ["event \(event): \(failure)"] : differences.prefix(5).map { "event \(event): \($0)" }
    }
    return []
  }

  private static func impossibleAnswers(_ purchase: Purchase) -> [String] {
    var violations = purchase.answers.compactMap { answer -> String? in
      if case .unexpected(let reply) = answer { "request \(purchase.key) was answered with \(reply)" } else { nil }
    }
    let isOpen = purchase.acceptedAt == nil && !purchase.isRefused && violations.isEmpty
    if isOpen { violations.append("request \(purchase.key) was never accepted: \(purchase.answers.count) attempts") }
    if purchase.namedAs.contains(where: { ReservationID($0.uuidString) != purchase.reservation }) {
      violations.append("request \(purchase.key) was named \(purchase.namedAs), and not \(purchase.reservation)")
    }
    return violations
  }

  /// What was accepted is decided, exactly once and as its customer was told; what was refused is not.
  private static func brokenPromises(_ purchases: [Purchase], _ book: Book) -> [String] {
    let commands = book.decisions
    var violations: [String] = []
    for purchase in purchases {
      let decisions = commands[CommandID(purchase.reservation.rawValue)] ?? 0
      if purchase.isRefused, decisions != 0 {
        violations.append("\(purchase.reservation) was refused as overloaded, and decided")
      }
      guard purchase.acceptedAt != nil else { continue }
      if decisions != 1 { violations.append("\(purchase.reservation) was accepted, and decided \(decisions) times") }
      if let told = purchase.outcome, Int64(told.sequence) != book.reservations[purchase.reservation]?.sequence {
        violations.append("\(purchase.reservation) was told that its place is \(told.sequence), which the journal does not say")
      }
      for command in purchase.acceptedExtensions where commands[command] != 1 {
        violations.append(
          "the accepted extension \(command) of \(purchase.reservation) was decided \(commands[command] ?? 0) times")
      }
      if purchase.isReleaseAccepted, book.reservations[purchase.reservation]?.isHeld == true {
        violations.append("\(purchase.reservation) is held, though its release was accepted")
      }
    }
    let sent = Set(purchases.map(\.reservation))
    let foreign = book.reservations.keys.filter { !sent.contains($0) }
    if !foreign.isEmpty { violations.append("decided, and never asked for: \(foreign)") }
    return violations
  }

  /// A request that was sent after another one had been accepted is decided after it, whichever gateways they went through.
  private static func brokenOrder(_ purchases: [Purchase], _ book: Book) -> [String] {
    func place(_ purchase: Purchase) -> Int64 { book.reservations[purchase.reservation]?.sequence ?? 0 }
    let accepted = purchases.filter { $0.acceptedAt != nil }
    let byAcceptance = accepted.sorted { $0.acceptedAt! < $1.acceptedAt! }
    var violations: [String] = []
    var next = 0
    var last: Purchase?
    for purchase in accepted.sorted(by: { $0.firstSent < $1.firstSent }) {
      while next < byAcceptance.count, byAcceptance[next].acceptedAt! < purchase.firstSent {
        if place(byAcceptance[next]) > last.map(place) ?? 0 { last = byAcceptance[next] }
        next += 1
      }
      if let last, place(last) > place(purchase) {
        violations.append(
          "\(purchase.reservation) was sent after \(last.reservation) had been accepted, and decided before it: "
            + "\(place(purchase)) and \(place(last))")
      }
    }
    return violations
  }

  /// Over HTTP: of each section, what is available, held and sold makes its capacity, and is what the journal says.
  private func wrongCounts(_ event: EventID, _ book: Book) async throws -> [String] {
    var violations: [String] = []
    for gateway in hub.gateways {
      let reply = try await gateway.get("/v1/events/\(event)/availability")
      guard reply.status == 200 else {
        violations.append("what is left of event \(event) can't be read: \(reply.status)")
        continue
      }
      let shown = try reply.decoded(as: TicketHubTestSupport.Availability.self)
      // Some holds may have expired since the journal was read.
      guard shown.version == Int(book.version) else { continue }
      for (section, counts) in zip(shown.sections, book.counts) {
        if section.held != counts.held || section.sold != counts.sold
          || section.available + section.held + section.sold != section.capacity
        {
          violations.append("event \(event) shows \(section), and the journal says \(counts)")
        }
      }
    }
    return violations
  }

  /// By the customers' own words: nobody holds what somebody else holds.
  private func doubleSales(_ purchases: [Purchase], _ book: Book) -> [String] {
    var holders: [String: ReservationID] = [:]
    var violations: [String] = []
    for purchase in purchases where book.reservations[purchase.reservation]?.isHeld == true {
      for seat in purchase.outcome?.seats ?? [] {
        if let other = holders.updateValue(purchase.reservation, forKey: seat) {
          violations.append("seat \(seat) is held by \(other) and by \(purchase.reservation)")
        }
      }
    }
    return violations
  }
}
