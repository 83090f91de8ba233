import Foundation
import PostgreSQL

extension Results {
  /// Looks at everything that was sold: `tickethub verify`, and the tickets of each event counted against its capacity.
  mutating func add(auditOf lab: Lab) async {
    say("auditing")
    do {
      audited = try await lab.tickethub("verify").split(separator: "\n").suffix(2).joined(separator: "; ")
    } catch {
      findings.append("tickethub verify: \(error)")
    }
    do {
      for row in try await lab.database.query(PostgresQuery(overselling)) {
        findings.append("an event of \(try row.int8(0)) places gave \(try row.int8(1)) tickets and counts \(try row.int8(2))")
      }
    } catch {
      findings.append("the tickets could not be counted: \(error)")
    }
  }
}

/// Events that gave more tickets than there are, or other than they count; by their rows alone, whatever replaying says.
private let overselling = PostgresStatement(
  "bench_overselling",
  """
  SELECT capacity, coalesce(tickets, 0), counted FROM
    (SELECT event_id, sum(capacity)::bigint AS capacity, sum(held + sold)::bigint AS counted FROM section_counters GROUP BY event_id) c
    LEFT JOIN (SELECT event_id, sum(quantity)::bigint AS tickets FROM reservations WHERE status = 1 GROUP BY event_id) r USING (event_id)
   WHERE coalesce(tickets, 0) > capacity OR coalesce(tickets, 0) <> counted
   LIMIT 20
  """)
