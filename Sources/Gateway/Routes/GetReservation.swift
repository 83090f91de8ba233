import NIOHTTP1
import Pipeline
import Ticketing

/// `GET /v1/reservations/{reservation_id}` and the customer's list: where every request's path through the system ends.
struct GetReservation: Sendable {
  /// How long a held request relies on being told of a change before it looks by itself.
  private static let lookInterval = Duration.seconds(1)

  let authenticator: Authenticator
  let directory: EventDirectory
  let reader: ReservationReader
  let waiters: Waiters
  let view: any ReservationView
  let now: @Sendable () -> Timestamp

  func add(to table: inout RouteTable) {
    table.on(.GET, "/v1/reservations", list)
    table.on(.GET, "/v1/reservations/{reservation_id}", get)
  }

  @Sendable private func get(_ request: Request) async throws -> Response {
    let user = try authenticator.user(of: request)
    let id: ReservationID = try request.identifier("reservation_id")
    let wait = request.preferredWait
    let record: ReservationRecord
    if let wait {
      record = try await changed(id, of: user.user, within: .seconds(wait), request)
    } else {
      record = try await reader.reservation(id, of: user.user)
    }
    guard let event = try await directory.event(record.event) else { throw Problem.notFound }
    let progress = await progress(of: record, in: event.partition)
    var headers: ResponseHeaders = ["Cache-Control": "no-store"]
    if record.status.isOpen { headers.add(name: "Retry-After", value: retryAfter(progress, ordinal: record.ordinal)) }
    if let wait { headers.add(name: "Preference-Applied", value: "wait=\(wait)") }
    return .conditional(
      record.json(of: event, progress: progress, serverTime: now()), tag: record.tag(progress), to: request, headers: headers)
  }

  /// The reservation once it is not what the client knows: while its outcome is open, or while it is the version that the client has.
  private func changed(
    _ id: ReservationID, of customer: CustomerID, within time: Duration, _ request: Request
  ) async throws -> ReservationRecord {
    let end = ContinuousClock.now + time
    while true {
      let left = end - .now
      let ticket = waiters.listen(for: id.rawValue, atMost: min(left, Self.lookInterval))
      let record: ReservationRecord
      do {
        record = try await reader.reservation(id, of: customer)
      } catch {
        waiters.stopListening(ticket)
        throw error
      }
      let isKnown = record.status.isOpen || request.has(record.tag(nil))
      guard isKnown, left > .zero, !Task.isCancelled, !waiters.isOver else {
        waiters.stopListening(ticket)
        return record
      }
      await waiters.wait(ticket)
    }
  }

  /// How far the line has come, for a reservation that waits in it.
  private func progress(of record: ReservationRecord, in partition: Int) async -> Progress? {
    guard record.status == .queued, record.ordinal != 0 else { return nil }
    do throws(ViewUnavailable) {
      return try await view.progress(of: partition)
    } catch {
      return nil
    }
  }

  @Sendable private func list(_ request: Request) async throws -> Response {
    let user = try authenticator.user(of: request)
    let limit = try request.pageLimit()
    let mark = try request.cursor()
    let records = try await viewed { () async throws(ViewUnavailable) in
      try await view.reservations(of: user.user, in: reader.partitioning, after: mark, limit: limit + 1)
    } orStored: { () async throws(StoreUnavailable) in
      try await reader.store.reservations(of: user.user, after: mark, limit: limit + 1)
    }
    var items: [[UInt8]] = []
    for record in records.prefix(limit) {
      guard let event = try await directory.event(record.event) else { continue }
      items.append(record.json(of: event, progress: await progress(of: record, in: event.partition), serverTime: now()))
    }
    return .json(
      page(items, next: records.count > limit ? records[limit - 1].pageMark : nil), headers: ["Cache-Control": "no-store"])
  }
}

extension ReservationRecord {
  /// Weak, since the server's time in it changes all the while; while it is queued, its position counts.
  func tag(_ progress: Progress?) -> String {
    if status == .queued, let progress { return "W/\"\(version)-\(progress.ahead(of: ordinal))\"" }
    return "W/\"\(version)\""
  }
}
