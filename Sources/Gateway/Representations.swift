public import Pipeline
package import Ticketing

// How things look to clients: the schemas of the contract.

extension JSONWriter {
  mutating func member(_ key: StaticString, _ money: Money) {
    object(key) {
      $0.member("amount", money.amount)
      $0.member("currency", money.currency)
    }
  }
}

extension User {
  /// As the contract's `User`.
  public var json: [UInt8] {
    var writer = JSONWriter()
    writer.object(write)
    return writer.bytes
  }

  func write(_ writer: inout JSONWriter) {
    writer.member("id", id)
    writer.member("email", email)
    writer.member("name", name)
    writer.member("role", role.name)
    writer.member("created_at", createdAt)
  }
}

extension EventRecord {
  /// As the contract's `Event`.
  public var json: [UInt8] {
    var writer = JSONWriter(capacity: 1024)
    writer.object {
      $0.member("id", event.id)
      $0.member("organiser_id", organiser)
      $0.member("name", name)
      $0.member("venue", venue)
      if let description { $0.member("description", description) }
      $0.member("starts_at", startsAt)
      $0.member("sales_open_at", event.salesOpenAt)
      $0.member("sales_close_at", event.salesCloseAt)
      $0.member("hold_seconds", event.holdSeconds)
      $0.member("max_extensions", event.maxExtensions)
      $0.member("max_tickets_per_customer", event.maxTicketsPerCustomer)
      $0.member("status", event.status.name)
      $0.array("sections") { list in
        for section in event.sections {
          list.element {
            $0.member("id", section.id)
            $0.member("name", section.name)
            if case .seated = section.kind { $0.member("kind", "seated") } else { $0.member("kind", "general_admission") }
            $0.member("capacity", section.capacity)
            $0.member("price", section.price)
          }
        }
      }
    }
    return writer.bytes
  }
}

extension Event.Status {
  fileprivate var name: String {
    switch self {
    case .draft: "draft"
    case .published: "published"
    case .paused: "paused"
    case .cancelled: "cancelled"
    }
  }
}

extension Availability {
  /// A section with fewer tickets left than this part of its capacity has `few`.
  private static let fewPart = 10

  package func json(of event: Event) -> [UInt8] {
    var writer = JSONWriter()
    writer.object {
      $0.member("event_id", event.id)
      $0.member("version", version)
      $0.array("sections") { list in
        for (section, counts) in zip(event.sections, sections) {
          let capacity = section.capacity
          let available = capacity - counts.held - counts.sold
          list.element {
            $0.member("id", section.id)
            $0.member("capacity", capacity)
            $0.member("available", available)
            $0.member("held", counts.held)
            $0.member("sold", counts.sold)
            $0.member("level", available == 0 ? "none" : available * Self.fewPart < capacity ? "few" : "available")
          }
        }
      }
    }
    return writer.bytes
  }
}

extension ViewedSeats {
  func json(of event: KnownEvent, section: SectionIndex) -> [UInt8] {
    var writer = JSONWriter(capacity: letters.count * 2)
    writer.object {
      $0.member("event_id", event.event.id)
      $0.member("section", event.event.sections[section].id)
      $0.member("version", version)
      $0.array("rows") { list in
        guard case .seated(let rows) = event.event.sections[section].kind else { return }
        var rest = letters[...]
        for row in rows {
          list.element {
            $0.member("name", row.name)
            if !row.aislesAfter.isEmpty {
              $0.array("aisles_after") { aisles in for aisle in row.aislesAfter { aisles.element(aisle) } }
            }
            $0.member("seats", String(decoding: rest.prefix(row.seats), as: UTF8.self))
          }
          rest = rest.dropFirst(row.seats)
        }
      }
    }
    return writer.bytes
  }
}

extension KeptDeadLetter {
  /// As the contract's `DeadLetter`, with its bytes in base64. What could not be read names no command and no event.
  public var json: [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.object {
      $0.member("id", id)
      $0.member("command_id", letter.command?.description ?? "")
      $0.member("event_id", letter.event?.description ?? "")
      $0.member("reason", letter.reason)
      $0.member("attempts", letter.attempts)
      $0.member("dead_at", deadAt)
      $0.member("status", status.name)
      $0.member("payload", letter.payloadText)
    }
    return writer.bytes
  }
}

extension KeptDeadLetter.Status {
  /// In the contract. What an operator has asked for and the broker has not confirmed still waits.
  public var name: String {
    switch self {
    case .dead, .replaying, .discarding: "dead"
    case .replayed: "replayed"
    case .discarded: "discarded"
    }
  }
}

extension ReservationRecord {
  package func json(of event: KnownEvent, progress: Progress?, serverTime: Timestamp) -> [UInt8] {
    var writer = JSONWriter(capacity: 512 + seatCount * 96)
    writer.object {
      $0.member("id", id)
      $0.member("event_id", self.event)
      $0.member("status", plain: status.name)
      $0.member("version", version)
      if sequence != 0 { $0.member("sequence", sequence) }
      $0.object("selection") { $0.write(request.selection, of: event) }
      if status == .queued, ordinal != 0, let progress {
        $0.object("queue") {
          $0.member("position", progress.ahead(of: ordinal))
          if let wait = progress.wait(for: ordinal) { $0.member("estimated_wait_seconds", wait) }
        }
      }
      if let allocation, status.hasTickets { writeTickets(allocation, of: event, &$0) }
      if status == .held {
        if let expiresAt { $0.member("expires_at", expiresAt) }
        $0.member("extensions_left", max(0, event.event.maxExtensions - extensionsUsed))
      }
      if let rejection {
        $0.object("rejection") {
          $0.member("code", plain: rejection.code.rawValue)
          $0.member("message", rejection.message(in: event.plan))
        }
      }
      $0.member("created_at", createdAt)
      $0.member("server_time", serverTime)
    }
    return writer.bytes
  }

  /// Each is named in the selection, and with its price among the tickets.
  private var seatCount: Int { if case .seats(let seats)? = allocation { seats.count } else { 0 } }

  private func writeTickets(_ allocation: Allocation, of event: KnownEvent, _ writer: inout JSONWriter) {
    let sections = event.event.sections
    var total = Money(amount: 0, currency: sections.first?.price.currency ?? "")
    writer.array("tickets") { list in
      switch allocation {
      case .places(let section, let quantity) where sections.indices.contains(section):
        for _ in 0..<quantity {
          list.element {
            $0.member("section", sections[section].id)
            $0.member("price", sections[section].price)
          }
          total.amount += sections[section].price.amount
        }
      case .seats(let seats):
        for seat in seats {
          guard let section = event.plan.position(of: seat)?.section else { continue }
          list.element {
            $0.member("section", sections[section].id)
            $0.member("seat", event.plan.name(of: seat))
            $0.member("price", sections[section].price)
          }
          total.amount += sections[section].price.amount
        }
      case .places: break
      }
    }
    writer.member("total", total)
  }
}

extension JSONWriter {
  /// What the event does not have, and was rejected for it, has no name and is left out.
  fileprivate mutating func write(_ selection: Selection, of event: KnownEvent) {
    switch selection {
    case .best(let section, let quantity, let adjacent):
      if event.plan.sections.indices.contains(section) { member("section", event.plan.sections[section].id) }
      member("quantity", quantity)
      if !adjacent { member("adjacent", false) }
    case .seats(let seats):
      array("seats") { list in
        for seat in seats where event.plan.position(of: seat) != nil { list.element(event.plan.name(of: seat)) }
      }
    }
  }
}

extension ReservationRecord.Status {
  /// As the contract spells it.
  var name: String {
    switch self {
    case .queued: "queued"
    case .held: "held"
    case .paying: "paying"
    case .confirmed: "confirmed"
    case .rejected: "rejected"
    case .released: "released"
    case .expired: "expired"
    case .refunded: "refunded"
    }
  }

  /// Whether a reservation in this state has the tickets, or had them until they were refunded.
  fileprivate var hasTickets: Bool {
    switch self {
    case .held, .paying, .confirmed, .refunded: true
    case .queued, .rejected, .released, .expired: false
    }
  }

  /// Whether there is a decision to wait for.
  var isOpen: Bool { self == .queued || self == .paying }
}

extension Progress {
  /// Seconds until the command with this ordinal is decided, as things go; nil before anything was decided.
  func wait(for ordinal: Int64) -> Double? { rate > 0 ? Double(ahead(of: ordinal)) / rate : nil }
}

/// When it is worth asking again, in whole seconds: the estimated wait, between 1 and 30.
func retryAfter(_ progress: Progress?, ordinal: Int64) -> Int {
  Int(min(30, max(1, (progress?.wait(for: ordinal) ?? 1).rounded(.up))))
}

/// A page of things that are JSON already.
func page(_ items: [[UInt8]], next: PageMark?) -> [UInt8] {
  var writer = JSONWriter(capacity: items.reduce(64) { $0 + $1.count })
  writer.object {
    $0.array("items") { list in for item in items { list.element(json: item) } }
    if let next { $0.member("next_cursor", next.cursor) }
  }
  return writer.bytes
}
