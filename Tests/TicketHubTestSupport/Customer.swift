import Foundation

/// Somebody who buys tickets.
public struct Customer: Sendable {
  public let token: String
  public let gateway: Gateway

  public init(token: String, gateway: Gateway) {
    self.token = token
    self.gateway = gateway
  }

  /// Asks for tickets and waits for what comes of it.
  public func reserve(_ selection: JSON, fallbacks: JSON? = nil, of event: Event) async throws -> Reservation {
    let reply = try await ask(selection, fallbacks: fallbacks, of: event)
    guard reply.status == 202 else { throw Unexpected("a request was not accepted: \(reply)") }
    return try await outcome(of: reply.decoded())
  }

  /// Asks for tickets.
  public func ask(
    _ selection: JSON, fallbacks: JSON? = nil, of event: Event, key: String = uniqueKey()
  ) async throws -> Reply {
    var body: [String: JSON] = ["selection": selection]
    body["fallbacks"] = fallbacks
    return try await gateway.post("\(event.path)/reservations", .object(body), as: token, key: key)
  }

  /// The reservation once it is decided.
  public func outcome(of reservation: Reservation) async throws -> Reservation {
    try await state(of: reservation) { $0.status != "queued" }
  }

  /// The reservation once it is as a test expects it.
  public func state(of reservation: Reservation, once isReached: (Reservation) -> Bool) async throws -> Reservation {
    let end = ContinuousClock.now + .seconds(60)
    var tag: String?
    repeat {
      var headers = ["Prefer": "wait=5"]
      headers["If-None-Match"] = tag
      let reply = try await gateway.get(reservation.path, as: token, headers)
      if reply.status == 200 {
        let state = try reply.decoded(as: Reservation.self)
        if isReached(state) { return state }
      } else if reply.status != 304 {
        throw Unexpected("a reservation can't be read: \(reply)")
      }
      tag = reply["ETag"]
    } while ContinuousClock.now < end
    throw Unexpected("reservation \(reservation.id) does not become what it should")
  }

  public func release(_ reservation: Reservation) async throws -> Reply { try await gateway.delete(reservation.path, as: token) }

  public func extend(_ reservation: Reservation, key: String = uniqueKey()) async throws -> Reply {
    try await gateway.send("POST", "\(reservation.path)/extensions", as: token, ["Idempotency-Key": key])
  }
}

extension TicketHub {
  /// Somebody new, who asks the first gateway unless told otherwise.
  public func customer(at gateway: Int = 0) -> Customer { Customer(token: token(), gateway: gateways[gateway]) }
}

extension JSON {
  /// A selection: any tickets of a section, or its best available seats.
  public static func tickets(_ quantity: Int, in section: String = "floor") -> JSON {
    ["section": .string(section), "quantity": .number(Double(quantity))]
  }

  /// A selection: these seats.
  public static func seats(_ names: String...) -> JSON { ["seats": .array(names.map { .string($0) })] }
}
