import Logging
import NIOHTTP1
import Pipeline
import Ticketing

/// The catalogue, and what is left to sell.
struct EventRoutes: Sendable {
  /// How long an event stays in the list after it began: people look it up at the door.
  private static let secondsInList = -24 * 60 * 60

  let authenticator: Authenticator
  let directory: EventDirectory
  let view: any ReservationView
  let catalogue: any CatalogueView
  let list: EventList
  let events: any EventStore
  let reservations: any ReservationStore
  let now: @Sendable () -> Timestamp
  let logger: Logger

  func add(to table: inout RouteTable) {
    table.on(.GET, "/v1/events", readList)
    table.on(.POST, "/v1/events", create)
    table.on(.GET, "/v1/events/{event_id}", get)
    table.on(.GET, "/v1/events/{event_id}/availability", availability)
    table.on(.GET, "/v1/events/{event_id}/seats", seats)
  }

  @Sendable private func create(_ request: Request) async throws -> Response {
    let user = try authenticator.user(of: request)
    guard user.role != .customer else { throw Problem(.forbidden, "Creating events takes the role organiser or operator.") }
    let id = DerivedIdentity.event(createdBy: user.user, key: try request.idempotencyKey())
    let offer = try NewEventBody.read(try request.json(), id: id, organiser: user.user, now: now())
    let record: EventRecord
    do throws(StoreUnavailable) {
      record = try await events.create(offer)
    } catch {
      logger.warning("an event can't be created", metadata: ["reason": "\(error)"])
      throw Problem(.unavailable, "Events can't be created at the moment.", retryAfter: 2)
    }
    guard record.isSameOffer(as: offer) else {
      throw Problem(.idempotencyKeyReused, "The key was used for another event before.")
    }
    let isNew = record.createdAt == offer.createdAt
    do throws(ViewUnavailable) {
      if isNew { try await catalogue.list(new: record) } else { try await catalogue.list([record]) }
    } catch {
      logger.warning("an event is listed later", metadata: ["event": "\(id)", "reason": "\(error)"])
    }
    var headers: ResponseHeaders = ["Location": "/v1/events/\(id)"]
    if !isNew { headers.add(name: "Idempotent-Replayed", value: "true") }
    return .json(directory.remember(record).json, status: .created, headers: headers)
  }

  @Sendable private func readList(_ request: Request) async throws -> Response {
    let user = try authenticator.optionalUser(of: request)
    let limit = try request.pageLimit()
    let mark = try request.cursor()
    if try request.flag("mine") {
      guard let user else { throw Problem(.unauthenticated, "Sign in to see your own events.") }
      let records = try await own(user.user, after: mark, limit: limit + 1)
      return .json(page(records.prefix(limit).map(\.json), next: records.count > limit ? records[limit - 1].pageMark : nil))
    }
    let from = mark ?? PageMark(time: now().adding(seconds: Self.secondsInList), id: 0)
    let events = try await list.events(after: from, limit: limit + 1)
    return .json(page(events.prefix(limit).map(\.json), next: events.count > limit ? events[limit - 1].mark : nil))
  }

  private func own(_ organiser: CustomerID, after mark: PageMark?, limit: Int) async throws -> [EventRecord] {
    do throws(StoreUnavailable) {
      return try await events.events(of: organiser, after: mark, limit: limit)
    } catch {
      throw Problem(.unavailable, "Events can't be listed at the moment.", retryAfter: 2)
    }
  }

  @Sendable private func get(_ request: Request) async throws -> Response {
    let event = try await visibleEvent(request)
    return .conditional(event.json, tag: event.tag, to: request)
  }

  @Sendable private func availability(_ request: Request) async throws -> Response {
    let event = try await visibleEvent(request)
    guard let availability = await viewedAvailability(of: event) else {
      throw Problem(.unavailable, "What is left can't be told at the moment.", retryAfter: 2)
    }
    return .conditional(availability.json(of: event.event), tag: "\"\(availability.version)\"", to: request)
  }

  /// Never the database's: a crowd asks for it, and it decides nothing. Nil where the view can't tell.
  private func viewedAvailability(of event: KnownEvent) async -> Availability? {
    do throws(ViewUnavailable) {
      return try await view.availability(of: event.event, in: event.partition)
    } catch {
      return nil
    }
  }

  @Sendable private func seats(_ request: Request) async throws -> Response {
    guard let id = request.parameter("section") else {
      throw Problem.invalid([FieldError(pointer: "section", detail: "is required")])
    }
    guard NewEventBody.isSectionID(id) else {
      throw Problem.invalid([FieldError(pointer: "section", detail: "must be a section's id")])
    }
    let event = try await visibleEvent(request)
    guard let section = event.plan.section(withID: id) else { throw Problem(.notFound, "The event has no section \(id).") }
    guard case .seated = event.event.sections[section].kind else {
      throw Problem.invalid([FieldError(pointer: "section", detail: "must be a seated section")])
    }
    let seats = try await viewed { () async throws(ViewUnavailable) in
      try await view.seats(of: event.event, section: section, in: event.partition)
    } orStored: { () async throws(StoreUnavailable) in
      try await reservations.seats(of: event.event, section: section)
    }
    return .conditional(seats.json(of: event, section: section), tag: "\"\(seats.version)\"", to: request)
  }

  private func visibleEvent(_ request: Request) async throws -> KnownEvent {
    let user = try authenticator.optionalUser(of: request)
    return try await directory.event(request.identifier("event_id"), for: user)
  }
}

/// What the view knows, or else the database: the way of all reads.
/// - Throws: `503` where neither can tell, `404` where there is nothing.
func viewed<Value>(
  _ view: () async throws(ViewUnavailable) -> Value?, orStored store: () async throws(StoreUnavailable) -> Value?
) async throws -> Value {
  do throws(ViewUnavailable) {
    if let value = try await view() { return value }
  } catch {
    // The database has it too.
  }
  do throws(StoreUnavailable) {
    if let value = try await store() { return value }
  } catch {
    throw Problem(.unavailable, "This can't be read at the moment.", retryAfter: 2)
  }
  throw Problem.notFound
}
