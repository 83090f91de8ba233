import PostgreSQL
import TestSupport
import Testing

/// Rates on this machine, in this build, printed and not judged.
@Suite struct Figures {
  @Test func `round trips of a trivial query`() async throws {
    let connection = try await connect()
    let count = 2000
    let time = try await elapsed {
      for _ in 0..<count { _ = try await connection.query(SQL.one) }
    }
    print("\(Int(Double(count) / (time / .seconds(1)))) round trips/s")
    await connection.close()
  }

  @Test func `rows inserted in batches of 256`() async throws {
    let connection = try await connect()
    try await connection.execute(
      script: "CREATE TEMPORARY TABLE decided (event uuid, version int8, command uuid, at timestamptz, outcome text)")
    let insert = PostgresStatement(
      "insert",
      """
      INSERT INTO decided SELECT $1, version, command, at, outcome
      FROM unnest($2::int8[], $3::uuid[], $4::timestamptz[], $5::text[]) AS batch (version, command, at, outcome)
      """)
    let numbers = Array(Int64(0)..<256)
    let query = PostgresQuery(
      insert, .uuid(1), .int8s(numbers), .uuids(numbers.map { UInt128($0) }), .timestamps(numbers),
      .texts(numbers.map { "outcome \($0)" }))
    let batches = 200
    let time = try await elapsed {
      for _ in 0..<batches { _ = try await connection.query(query) }
    }
    print("\(Int(Double(batches * numbers.count) / (time / .seconds(1)))) rows/s")
    await connection.close()
  }
}
