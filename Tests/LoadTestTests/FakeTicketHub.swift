import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Enough of the contract, in memory, with one seated section and one of general admission.
final class FakeTicketHub: Sendable {
  struct Reservation: Sendable {
    var id: String
    var key: String
    var status: String
    var sequence: Int
    var rejection: String?
    var tickets: [String]
    var section: String
    var expiresAt: Double
    var visibleAt: Double
    /// How often its outcome has been shown.
    var shown = 0
  }

  struct State: Sendable {
    var reservations: [String: Reservation] = [:]
    var byKey: [String: String] = [:]
    var order: [String] = []
    var taken: Set<String> = []
    var standing = 0
    var version = 0
    var posts: [Double] = []
    var keys: [String] = []
    var ticketsOf: [String: Int] = [:]
  }

  static let rows = 10
  static let seatsInRow = 20
  static let standingCapacity = 300
  static let limit = 8

  let behaviour: Behaviour
  let state = Mutex(State())
  let opensAt: Double
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let channel = Mutex<(any Channel)?>(nil)

  init(_ behaviour: Behaviour) {
    self.behaviour = behaviour
    opensAt = Date().timeIntervalSince1970 + behaviour.opensIn
    state.withLock { state in
      for seat in Self.seats.prefix(behaviour.takenBefore) { state.taken.insert(seat) }
    }
  }

  static let seats = (1...rows).flatMap { row in (1...seatsInRow).map { "stalls-\(row)-\($0)" } }

  /// Listens; the answer is its URL.
  func start() async throws -> String {
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 512)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(FakeHandler(self))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    self.channel.withLock { $0 = channel }
    return "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
  }

  func stop() async throws {
    try await channel.withLock { $0 }?.close().get()
    try await group.shutdownGracefully()
  }

  struct Reply {
    var status = 200
    var body: [String: Any] = [:]
    /// Milliseconds.
    var delay: Int64 = 0
    var retryAfter: Int?
    var waited = false
    var breaks = false
  }

  func reply(_ method: HTTPMethod, _ uri: String, _ headers: HTTPHeaders, _ body: Data) -> Reply {
    let now = Date().timeIntervalSince1970
    let path = uri.split(separator: "?")[0].split(separator: "/")
    return state.withLock { state in
      expire(&state, now)
      switch (method, path.count) {
      case (.POST, 2): return Reply(status: 201, body: event)
      case (.GET, 3) where path[1] == "events": return Reply(body: event)
      case (.POST, 4): return reserve(&state, headers, body, now)
      case (.GET, 3): return read(&state, String(path[2]), headers, now)
      case (.GET, 4) where path[3] == "availability": return Reply(body: availability(state))
      case (.GET, 4) where path[3] == "seats" && !behaviour.hidesSeatMaps: return Reply(body: seatMap(state))
      default: return problem(404, "not_found")
      }
    }
  }

  private func problem(_ status: Int, _ code: String) -> Reply {
    Reply(status: status, body: ["status": status, "code": code, "detail": "The fake says \"\(code)\"."])
  }

  private var event: [String: Any] {
    let price: [String: Any] = ["amount": 100, "currency": "EUR"]
    return [
      "id": "e1", "name": "Fish & <Chips>", "status": "published", "sales_open_at": Self.time(opensAt),
      "hold_seconds": Int(behaviour.holdSeconds.rounded(.up)), "max_tickets_per_customer": Self.limit,
      "sections": [
        ["id": "stalls", "name": "Stalls", "kind": "seated", "capacity": Self.seats.count, "price": price],
        ["id": "standing", "name": "Standing", "kind": "general_admission", "capacity": Self.standingCapacity, "price": price],
      ],
    ]
  }

  private func expire(_ state: inout State, _ now: Double) {
    guard behaviour.holdSeconds < 60 else { return }
    for (id, reservation) in state.reservations where reservation.status == "held" && reservation.expiresAt <= now {
      state.reservations[id]?.status = "expired"
      state.version += 1
      if reservation.section == "standing" {
        state.standing -= reservation.tickets.count
      } else {
        state.taken.subtract(reservation.tickets)
      }
    }
  }

  private func reserve(_ state: inout State, _ headers: HTTPHeaders, _ body: Data, _ now: Double) -> Reply {
    state.posts.append(now)
    let key = headers["Idempotency-Key"].first ?? "none"
    state.keys.append(key)
    let count = state.posts.count
    if let refusal = behaviour.refusesAll { return problem(refusal.status, refusal.code) }
    if count <= behaviour.overloadedFirst {
      var reply = problem(503, "overloaded")
      reply.retryAfter = 0
      return reply
    }
    let customer = headers["Authorization"].first ?? ""
    let id = state.byKey[key] ?? decide(&state, key, customer, body, now)
    if count <= behaviour.breaksFirst { return Reply(breaks: true) }
    if count <= behaviour.unavailableFirst { return problem(503, "unavailable") }
    var queued = state.reservations[id].map(describe) ?? [:]
    queued["status"] = "queued"
    if behaviour.repeatsReservation, count == 2 { queued["id"] = state.order.first }
    let stall = behaviour.stallsFor - Int64((now - state.posts[0]) * 1000)
    return Reply(status: 202, body: queued, delay: max(behaviour.acceptDelay, stall, 0), retryAfter: 1)
  }

  private func decide(_ state: inout State, _ key: String, _ customer: String, _ body: Data, _ now: Double) -> String {
    let parsed = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
    let selection = parsed?["selection"] as? [String: Any] ?? [:]
    let named = selection["seats"] as? [String]
    let section = named == nil ? selection["section"] as? String ?? "" : "stalls"
    let quantity = named?.count ?? selection["quantity"] as? Int ?? 0
    state.version += 1
    var reservation = Reservation(
      id: UUID().uuidString.lowercased(), key: key, status: "held", sequence: state.version, rejection: nil, tickets: [],
      section: section, expiresAt: now + behaviour.holdSeconds, visibleAt: now + Double(behaviour.decisionDelay) / 1000)
    if behaviour.repeatsSequence, state.version == 2 { reservation.sequence = 1 }
    if !behaviour.ignoresLimit, state.ticketsOf[customer, default: 0] + quantity > Self.limit {
      reservation.rejection = "limit_exceeded"
    } else if section == "standing" {
      if state.standing + quantity <= Self.standingCapacity {
        state.standing += quantity
        reservation.tickets = Array(repeating: "standing", count: quantity)
      }
    } else if let named {
      if state.taken.isDisjoint(with: named) { reservation.tickets = named } else { reservation.rejection = "seats_taken" }
    } else {
      reservation.tickets = best(state, quantity)
    }
    if reservation.tickets.isEmpty {
      reservation.status = "rejected"
      reservation.rejection = reservation.rejection ?? "sold_out"
    }
    if section != "standing" { state.taken.formUnion(reservation.tickets) }
    state.ticketsOf[customer, default: 0] += reservation.tickets.count
    if behaviour.givesSeatTwice, section == "stalls", named == nil, !state.order.isEmpty {
      // Somebody else's seats of the same number, if there are any.
      let reservations = state.reservations
      let other = state.order.compactMap { reservations[$0] }
        .first { $0.section == "stalls" && $0.status == "held" && $0.tickets.count == reservation.tickets.count }
      if let other {
        state.taken.subtract(reservation.tickets)
        reservation.tickets = other.tickets
      }
    }
    if behaviour.givesOneTicketLess, reservation.tickets.count > 1 {
      let dropped = reservation.tickets.removeLast()
      if section == "standing" { state.standing -= 1 } else { state.taken.remove(dropped) }
    }
    state.reservations[reservation.id] = reservation
    state.byKey[key] = reservation.id
    state.order.append(reservation.id)
    return reservation.id
  }

  private func best(_ state: State, _ quantity: Int) -> [String] {
    guard state.taken.count + quantity <= Self.seats.count else { return [] }
    for row in 1...Self.rows {
      for first in 1...(Self.seatsInRow - quantity + 1) {
        let seats = (first..<first + quantity).map { "stalls-\(row)-\($0)" }
        if state.taken.isDisjoint(with: seats) { return seats }
      }
    }
    return []
  }

  private func read(_ state: inout State, _ id: String, _ headers: HTTPHeaders, _ now: Double) -> Reply {
    guard let reservation = state.reservations[id] else { return problem(404, "not_found") }
    let isFirst = id == state.order.first
    if behaviour.dropsReservation, isFirst, reservation.shown > 0 { return problem(404, "not_found") }
    var body = describe(reservation)
    let isLost = behaviour.losesOutcome && isFirst
    if isLost || now < reservation.visibleAt {
      let wait = headers["Prefer"].first.flatMap { Double($0.dropFirst("wait=".count)) }
      if behaviour.honoursWait, let wait {
        let left = isLost ? .infinity : reservation.visibleAt - now
        if left > wait { body = queued(reservation) } else { state.reservations[id]?.shown += 1 }
        return Reply(body: body, delay: Int64(min(wait, left) * 1000), retryAfter: 0, waited: true)
      }
      return Reply(body: queued(reservation), retryAfter: 0)
    }
    state.reservations[id]?.shown += 1
    if behaviour.changesOutcome, isFirst, reservation.shown > 0 { body["status"] = "released" }
    return Reply(body: body)
  }

  private func queued(_ reservation: Reservation) -> [String: Any] {
    ["id": reservation.id, "event_id": "e1", "status": "queued", "version": 0, "queue": ["position": 3]]
  }

  private func describe(_ reservation: Reservation) -> [String: Any] {
    var body: [String: Any] = [
      "id": reservation.id, "event_id": "e1", "status": reservation.status, "version": 1, "sequence": reservation.sequence,
      "payment": ["status": "pending"], "server_time": Self.time(Date().timeIntervalSince1970),
    ]
    body["tickets"] = reservation.tickets.map { seat in
      seat == "standing" ? ["section": "standing"] : ["section": "stalls", "seat": seat]
    }
    if let rejection = reservation.rejection { body["rejection"] = ["code": rejection, "message": "\u{2013} \"no\""] }
    if reservation.status == "held" { body["expires_at"] = Self.time(reservation.expiresAt) }
    return body
  }

  private func availability(_ state: State) -> [String: Any] {
    func section(_ id: String, _ capacity: Int, _ held: Int) -> [String: Any] {
      ["id": id, "capacity": capacity, "available": capacity - held, "held": held, "sold": 0, "level": "few"]
    }
    let oneTooMany = behaviour.countsOneTooMany && state.version > 0 ? 1 : 0
    var standing = section("standing", Self.standingCapacity, state.standing + oneTooMany)
    if behaviour.sumsWrongly, state.version > 0 { standing["available"] = Self.standingCapacity }
    let version = behaviour.staysAtVersionZero ? 0 : state.version
    return [
      "event_id": "e1", "version": version, "sections": [section("stalls", Self.seats.count, state.taken.count), standing],
    ]
  }

  private func seatMap(_ state: State) -> [String: Any] {
    var taken = state.taken
    if state.version > 0 {
      if behaviour.marksSeatOfNobody { taken.insert("stalls-10-20") }
      if behaviour.forgetsToMark, let seat = taken.min() { taken.remove(seat) }
    }
    let rows = (1...Self.rows).map { row in
      ["name": "\(row)", "seats": (1...Self.seatsInRow).map { taken.contains("stalls-\(row)-\($0)") ? "h" : "a" }.joined()]
    }
    return ["event_id": "e1", "section": "stalls", "version": state.version, "rows": rows]
  }

  static func time(_ seconds: Double) -> String {
    Date(timeIntervalSince1970: seconds).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
