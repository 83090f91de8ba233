import Pipeline
import Ticketing

/// What the tables say of an event before anything was decided about it.
struct EventTerms {
  var event: StoredEvent
  var sections: [StoredSection]
  var seatRows: [StoredSeatRow]

  /// Puts the event together; nil, with a difference noted, if a value in it is none that an event can have.
  func record(_ findings: inout Findings) -> EventRecord? {
    let id = event.event
    let before = findings.differenceCount
    checkRanges(&findings)
    for (index, section) in sections.enumerated() {
      findings.compare(id, "sections \(section.index) section_index", section.index, index)
    }
    for (index, section) in sections.enumerated() { checkRows(of: section, at: index, &findings) }
    for row in seatRows where !sections.contains(where: { $0.index == row.section }) {
      findings.differ(
        id, "seat_rows \(row.section) \(row.index) section_index", stored: "\(row.section)", replayed: "no such section")
    }
    if findings.differenceCount > before { return nil }
    var record = event.record
    record.event.sections = sections.map(section)
    if !event.offerHash.isEmpty { findings.compare(id, "events offer_hash", event.offerHash, HashChain.offer(record)) }
    return record
  }

  private func section(_ section: StoredSection) -> Section {
    let rows = seatRows.filter { $0.section == section.index }.map(\.row)
    return Section(
      id: section.id, name: section.name,
      kind: section.isSeated ? .seated(rows: rows) : .generalAdmission(capacity: section.capacity), price: section.price)
  }

  private func checkRanges(_ findings: inout Findings) {
    let id = event.event
    let terms = event.record.event
    if Event.Status(rawValue: UInt8(clamping: event.status)) == nil || event.status < 0 {
      findings.differ(id, "events status", stored: "\(event.status)", replayed: "0 to 3")
    }
    for (column, value) in [
      ("hold_seconds", terms.holdSeconds), ("max_extensions", terms.maxExtensions),
      ("max_tickets_per_customer", terms.maxTicketsPerCustomer),
    ] where value < 0 {
      findings.differ(id, "events \(column)", stored: "\(value)", replayed: "at least 0")
    }
  }

  private func checkRows(of section: StoredSection, at index: Int, _ findings: inout Findings) {
    let id = event.event
    let rows = seatRows.filter { $0.section == section.index }
    for (index, row) in rows.enumerated() {
      findings.compare(id, "seat_rows \(row.section) \(row.index) row_index", row.index, index)
      if row.row.aislesAfter.count > 255 || row.row.aislesAfter.contains(where: { $0 < 0 }) {
        findings.differ(
          id, "seat_rows \(row.section) \(row.index) aisles_after", stored: "\(row.row.aislesAfter)", replayed: "seats of the row"
        )
      }
    }
    findings.compare(id, "sections \(section.index) seated", section.isSeated, !rows.isEmpty)
    if section.isSeated {
      findings.compare(
        id, "sections \(section.index) capacity, or seat_rows seats", section.capacity, rows.reduce(0) { $0 + $1.row.seats })
    }
  }
}
