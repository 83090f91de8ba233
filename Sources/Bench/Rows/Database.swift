import Backends
import PostgreSQL
import Ticketing

extension Row {
  /// What the database carries: in batches, as TicketHub writes, and with a transaction a reservation, as most others do.
  static let postgresql = Row(
    name: "postgresql", title: "PostgreSQL alone",
    figures: [
      Figure("postgresql.batches", "decisions that give a seat, in batches of 256, 1 client", "/s"),
      Figure("postgresql.batches_cpu", "CPU of that", "s/1,000"),
      Figure("postgresql.single", "one transaction a reservation, one hot row, 16 clients", "/s"),
      Figure("postgresql.single_cpu", "CPU of that", "s/1,000"),
    ]
  ) { lab, _ in
    // In a database of its own, so that nobody takes it for a sale.
    let name = "bench_\(UInt32.random(in: .min ... .max))"
    let url = lab.databaseURL.replacing(/\/[^\/?]+(?=\?|$)/, with: "/\(name)")
    try await lab.database.withConnection { connection in try await connection.execute(script: "CREATE DATABASE \(name)") }
    var measurement = Measurement()
    do {
      _ = try await lab.tickethub("migrate", with: ["TICKETHUB_DATABASE_URL": url])
      try await writeBatches(lab, url, &measurement)
      try await writeSingly(lab, url, &measurement)
    } catch {
      try? await lab.database.withConnection { connection in
        try await connection.execute(script: "DROP DATABASE \(name) WITH (FORCE)")
      }
      throw error
    }
    try await lab.database.withConnection { connection in
      try await connection.execute(script: "DROP DATABASE \(name) WITH (FORCE)")
    }
    return measurement
  }

  private static func writeBatches(_ lab: Lab, _ url: String, _ measurement: inout Measurement) async throws {
    var making = Batches(seats: lab.spike)
    let pool = try Lab.pool(url)
    _ = try await PostgresEventStore(pool).create(making.record)
    let batches = stride(from: 0, to: lab.spike, by: 256).map { making.next(min(256, lab.spike - $0)) }
    let journal = PostgresJournal(pool)
    let (seconds, cpu) = try await lab.timed {
      for batch in batches { _ = try await journal.commit([batch]) }
    }
    await pool.close()
    measurement.values["postgresql.batches"] = Double(lab.spike) / seconds
    measurement.values["postgresql.batches_cpu"] = cpu * 1000 / Double(lab.spike)
  }

  private static func writeSingly(_ lab: Lab, _ url: String, _ measurement: inout Measurement) async throws {
    let clients = 16
    // So few that it takes seconds.
    let count = lab.spike / 4 / clients * clients
    let pool = try Lab.pool(url, size: clients)
    try await pool.withConnection { connection in
      try await connection.execute(
        script: """
          CREATE TABLE bench_events (event_id bigint PRIMARY KEY, taken bigint NOT NULL) WITH (fillfactor = 50);
          CREATE TABLE bench_reservations (
            reservation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id bigint NOT NULL, customer text NOT NULL,
            quantity integer NOT NULL, key uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
            created_at timestamptz NOT NULL DEFAULT now());
          INSERT INTO bench_events VALUES (1, 0);
          """)
    }
    let (seconds, cpu) = try await lab.timed {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<clients {
          group.addTask {
            for _ in 0..<(count / clients) {
              // One transaction and one round trip.
              _ = try await pool.pipeline([PostgresQuery(take), PostgresQuery(insert)])
            }
          }
        }
        try await group.waitForAll()
      }
    }
    await pool.close()
    measurement.values["postgresql.single"] = Double(count) / seconds
    measurement.values["postgresql.single_cpu"] = cpu * 1000 / Double(count)
  }

  private static let take = PostgresStatement("bench_take", "UPDATE bench_events SET taken = taken + 1 WHERE event_id = 1")
  private static let insert = PostgresStatement(
    "bench_insert", "INSERT INTO bench_reservations (event_id, customer, quantity) VALUES (1, 'c123456', 1)")
}

extension Lab {
  /// How long something takes, and PostgreSQL's CPU seconds for it.
  fileprivate func timed(_ body: () async throws -> Void) async throws -> (seconds: Double, cpu: Double) {
    let processes = try await processes()
    let (cpu, start) = (processes.cpu()["postgres"] ?? .nan, monotonicNanoseconds())
    try await body()
    let seconds = Double(monotonicNanoseconds() - start) / 1e9
    return (seconds, (processes.cpu()["postgres"] ?? .nan) - cpu)
  }
}
