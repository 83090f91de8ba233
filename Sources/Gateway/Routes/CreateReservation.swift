import NIOHTTP1
import Pipeline
import Ticketing

/// `POST /v1/events/{event_id}/reservations`: where every request's path through the system begins.
struct CreateReservation: Sendable {
  let authenticator: Authenticator
  let limiter: RateLimiter
  let directory: EventDirectory
  let view: any ReservationView
  let intake: Intake
  let now: @Sendable () -> Timestamp

  /// What most requests of a rush are answered, put together once: after one second to be sent again, after two, and so on.
  private static let overloaded = (1...ReturnTimes.longest).map { Problem.overloaded(retryAfter: $0).response }

  func add(to table: inout RouteTable) {
    table.on(.POST, "/v1/events/{event_id}/reservations", refuse: refuse, create)
  }

  /// Answers a request of which nothing is known, since more come than can be taken.
  @Sendable private func refuse(retryAfter seconds: Int) -> Response {
    intake.shed()
    return Self.overloaded[seconds - 1]
  }

  @Sendable private func create(_ request: Request) async throws -> Response {
    if intake.isFull { return refuse(retryAfter: 2) }
    let user = try authenticator.user(of: request)
    var headers = try await limiter.admit(commandOf: user.user, request)
    let event: EventID = try request.identifier("event_id")
    let key = try request.idempotencyKey()
    let body = try request.json()
    let known = try await directory.event(event, for: user)
    let wanted = try NewReservationBody.read(body, customer: user.user, event: known)
    let acceptedAt = now()
    let id = DerivedIdentity.reservation(of: event, by: user.user, key: key)
    if let refusal = refusal(of: known.event, at: acceptedAt), await !isNoted(id) { throw refusal }

    let command = Command(id: CommandID(id.rawValue), event: event, action: .reserve(wanted), acceptedAt: acceptedAt)
    let answer = await intake.take(command, partition: known.partition)
    guard case .accepted(let reservation?, let progress, let isReplay) = answer else { throw Problem(answer) }

    let path: StaticString = "/v1/reservations/"
    headers.add(name: "Location", room: path.utf8CodeUnitCount + TextRoom.longestIdentifier) { text in
      text.write(path)
      text.write(id)
    }
    if reservation.status.isOpen { headers.add(name: "Retry-After", value: retryAfter(progress, ordinal: reservation.ordinal)) }
    if isReplay { headers.add(name: "Idempotent-Replayed", value: "true") }
    return .json(reservation.json(of: known, progress: progress, serverTime: now()), status: .accepted, headers: headers)
  }

  /// What can be known before the event's turn: the decision judges by the same rules once more.
  private func refusal(of event: Event, at time: Timestamp) -> Problem? {
    switch event.status {
    case .paused: return Problem(.salesPaused, "The organiser has paused the sale.")
    case .cancelled: return Problem(.notOnSale, "The event is cancelled.")
    case .draft: return Problem(.notOnSale, "The event is not published.")
    case .published:
      if time < event.salesOpenAt {
        let seconds = (event.salesOpenAt.microseconds - time.microseconds) / 1_000_000 + 1
        return Problem(.notOnSale, "The sale opens at \(event.salesOpenAt.rfc3339).", retryAfter: Int(seconds))
      }
      if time >= event.salesCloseAt { return Problem(.notOnSale, "The sale closed at \(event.salesCloseAt.rfc3339).") }
      return nil
    }
  }

  /// Whether the reservation was asked for before: repeated after the sale, the request is answered with the reservation as it stands.
  private func isNoted(_ id: ReservationID) async -> Bool {
    do throws(ViewUnavailable) {
      return try await view.reservation(id) != nil
    } catch {
      return false
    }
  }
}

extension Problem {
  fileprivate static func overloaded(retryAfter seconds: Int) -> Problem {
    Problem(.overloaded, "More requests are waiting than can be taken. Nothing was queued.", retryAfter: seconds)
  }

  /// For a command that was not accepted.
  init(_ answer: Intake.Answer) {
    switch answer {
    case .keyReused: self.init(.idempotencyKeyReused, "The key was used for another request before.")
    case .refused(let progress, let backlog):
      let seconds = progress.map { $0.rate > 0 ? Double(backlog) / $0.rate : 1 } ?? 2
      self = .overloaded(retryAfter: Int(min(120, max(1, seconds.rounded(.up)))))
    case .unavailable: self.init(.unavailable, "Requests can't be taken at the moment. Nothing was queued.", retryAfter: 2)
    case .unknown, .accepted:
      self.init(
        .unavailable, "It is not known whether the request was queued. Send it again with the same Idempotency-Key.",
        retryAfter: 1)
    }
  }
}
