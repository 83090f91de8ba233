import NIOHTTP1
import Pipeline
import Ticketing

/// Giving tickets back and asking for more time: commands like any other, decided in the event's order.
struct ChangeReservation: Sendable {
  let authenticator: Authenticator
  let limiter: RateLimiter
  let directory: EventDirectory
  let reader: ReservationReader
  let view: any ReservationView
  let intake: Intake
  let now: @Sendable () -> Timestamp

  func add(to table: inout RouteTable) {
    table.on(.DELETE, "/v1/reservations/{reservation_id}", release)
    table.on(.POST, "/v1/reservations/{reservation_id}/extensions", extend)
  }

  @Sendable private func release(_ request: Request) async throws -> Response {
    let user = try authenticator.user(of: request)
    _ = try await limiter.admit(commandOf: user.user, request)
    let record = try await reader.reservation(request.identifier("reservation_id"), of: user.user)
    switch record.status {
    case .queued, .held:
      // Of what the client gives back as it stands: a release that came to nothing must not stand for those that come later.
      let id = DerivedIdentity.command("release", about: record.id, by: user.user, key: "\(record.version)")
      return try await queue(.release(record.id), id, record)
    case .released: return try await accepted(record)
    case .paying, .confirmed, .rejected, .expired, .refunded:
      throw Problem(.conflict, "A reservation that is \(record.status.name) can't be given back.")
    }
  }

  @Sendable private func extend(_ request: Request) async throws -> Response {
    let user = try authenticator.user(of: request)
    _ = try await limiter.admit(commandOf: user.user, request)
    let id: ReservationID = try request.identifier("reservation_id")
    let key = try request.idempotencyKey()
    let record = try await reader.reservation(id, of: user.user)
    let command = DerivedIdentity.command("extend", about: id, by: user.user, key: key)
    if await wasSent(command, about: id) { return try await queue(.extend(id), command, record, isReplay: true) }
    guard record.status == .held else {
      throw Problem(.conflict, "A reservation that is \(record.status.name) has no time to extend.")
    }
    guard let event = try await directory.event(record.event), record.extensionsUsed < event.event.maxExtensions else {
      throw Problem(.conflict, "All the extensions that the event allows are used.")
    }
    return try await queue(.extend(id), command, record)
  }

  /// Whether the command was sent before: then its answer is the same as then, whatever it led to. A command that is queued twice is
  /// decided once.
  private func wasSent(_ command: CommandID, about reservation: ReservationID) async -> Bool {
    do throws(ViewUnavailable) {
      return try await view.remembers(command, about: reservation)
    } catch {
      return false
    }
  }

  private func queue(
    _ action: Command.Action, _ id: CommandID, _ record: ReservationRecord, isReplay: Bool = false
  ) async throws -> Response {
    let partition = directory.partitioning.partition(of: record.event)
    let command = Command(id: id, event: record.event, action: action, acceptedAt: now())
    let answer = await intake.take(command, partition: partition)
    guard case .accepted = answer else { throw Problem(answer) }
    do throws(ViewUnavailable) {
      try await view.remember(id, about: record.id)
    } catch {
      // A repetition will be judged by the reservation's state then.
    }
    return try await accepted(record, isReplay: isReplay)
  }

  private func accepted(_ record: ReservationRecord, isReplay: Bool = false) async throws -> Response {
    guard let event = try await directory.event(record.event) else { throw Problem.notFound }
    var headers: ResponseHeaders = ["Location": "/v1/reservations/\(record.id)"]
    if isReplay { headers.add(name: "Idempotent-Replayed", value: "true") }
    return .json(record.json(of: event, progress: nil, serverTime: now()), status: .accepted, headers: headers)
  }
}
