import NIOHTTP1
import Pipeline
package import Ticketing

/// Reads the body of a request for tickets against the contract's `NewReservation` and the event's sections and seats.
package enum NewReservationBody {
  /// - Throws: `422` with all that is wrong.
  package static func read(_ json: JSONValue, customer: CustomerID, event: KnownEvent) throws -> Command.Request {
    let errors = Body.Errors()
    guard let body = Body(json, keys: ["selection", "fallbacks"], errors) else { throw Problem.invalid(errors.found) }
    let first = body.require("selection").flatMap { selection($0, body.path("selection"), event, errors) }
    let fallbacks = body.optionalArray("fallbacks", count: 0...4).compactMap { selection($0.value, $0.pointer, event, errors) }
    guard let first, errors.found.isEmpty else { throw Problem.invalid(errors.found) }
    return Command.Request(customer: customer, selection: first, fallbacks: fallbacks)
  }

  private static func selection(
    _ value: JSONValue, _ pointer: JSONPointer, _ event: KnownEvent, _ errors: Body.Errors
  ) -> Selection? {
    guard case .object(let members) = value else {
      errors.add(pointer, "must be an object, not \(value.kind)")
      return nil
    }
    let isOfSeats = members.indices.contains { members[$0].key == "seats" }
    let keys = isOfSeats ? ["seats"] : ["section", "quantity", "adjacent"]
    guard let body = Body(value, at: pointer, keys: keys, errors) else { return nil }
    return isOfSeats ? seats(of: body, event, errors) : best(of: body, event)
  }

  private static func best(of body: Body, _ event: KnownEvent) -> Selection? {
    let adjacent = body.bool("adjacent", default: true)
    let quantity = body.integer("quantity", in: 1...100)
    guard let id = body.string("section", length: 1...63) else { return nil }
    guard let section = event.plan.section(withID: id) else {
      body.fail("section", "is no section of this event")
      return nil
    }
    return quantity.map { .best(section: section, quantity: $0, adjacent: adjacent) }
  }

  private static func seats(of body: Body, _ event: KnownEvent, _ errors: Body.Errors) -> Selection? {
    let names = body.array("seats", count: 1...100)
    var seats: [SeatIndex] = []
    seats.reserveCapacity(names.count)
    for (value, pointer) in names {
      guard let name = body.string(value, at: pointer, length: 1...128) else { continue }
      guard let seat = event.plan.seat(named: name) else {
        errors.add(pointer, "is no seat of this event")
        continue
      }
      // There are so few that a set of them would take longer than looking at each.
      if seats.contains(seat) { errors.add(pointer, "is named twice") }
      seats.append(seat)
    }
    seats.sort()
    return seats.isEmpty ? nil : .seats(seats)
  }
}
