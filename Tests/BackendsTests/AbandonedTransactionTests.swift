import BackendsTestSupport
import CPostgreSQL
import Pipeline
import PostgreSQL
import Testing
import Ticketing

@testable import Backends

/// A worker that is stopped between two statements of its transaction. The server waits for the rest of it, which none of its time
/// limits counts, and the event's row is locked.
struct AbandonedTransactionTests {
  private let record = EventRecord.onSale([.standing(50)])

  @Test(.timeLimit(.minutes(2))) func `an event whose row a stopped worker has locked is decided for again`() async throws {
    try await withDatabase { database in
      let journal = PostgresJournal(database.pool)
      _ = try await PostgresEventStore(database.pool).create(record)
      var decider = Decider(record)
      _ = try await journal.commit([decider.batch([.reserve(event: record.event.id)])])
      let stopped = try StoppedWorker(database.url, lockingStreamOf: record.event.id)
      defer { stopped.close() }
      let batch = decider.batch([.reserve(event: record.event.id)])
      // It waits for as long as one waits for a lock, and then nobody has it any more.
      await #expect(throws: JournalFailure.self) { _ = try await journal.commit([batch]) }
      _ = try await journal.commit([batch])
    }
  }
}

/// A connection that has sent a statement of a transaction and nothing behind it.
private final class StoppedWorker {
  private struct Failure: Error {
    var message: String
  }

  private let connection: OpaquePointer

  init(_ url: String, lockingStreamOf event: EventID) throws {
    guard let connection = PQconnectdb("\(url)?application_name=tickethub%20worker") else { throw Failure(message: "no memory") }
    self.connection = connection
    let update = "UPDATE event_streams SET decided_at = decided_at WHERE event_id = '\(event)'"
    guard PQenterPipelineMode(connection) == 1, PQsendQueryParams(connection, update, 0, nil, nil, nil, nil, 1) == 1,
      PQsendFlushRequest(connection) == 1, PQflush(connection) == 0, let result = PQgetResult(connection)
    else { throw Failure(message: String(cString: PQerrorMessage(connection))) }
    PQclear(result)
  }

  func close() { PQfinish(connection) }
}
