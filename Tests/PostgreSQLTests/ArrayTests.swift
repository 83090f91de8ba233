import PostgreSQL
import Testing

/// What the arrays of one round trip hold.
private struct Columns: Equatable {
  var bools: [Bool] = []
  var int2s: [Int16] = []
  var int4s: [Int32] = []
  var int8s: [Int64] = []
  var texts: [String] = []
  var bytes: [[UInt8]] = []
  var uuids: [UInt128] = []
  var timestamps: [Int64] = []

  init() {}

  init(count: Int, using random: inout SystemRandomNumberGenerator) {
    for _ in 0..<count {
      bools.append(.random(using: &random))
      int2s.append(.random(in: .min ... .max, using: &random))
      int4s.append(.random(in: .min ... .max, using: &random))
      int8s.append(.random(in: .min ... .max, using: &random))
      texts.append(Self.text(using: &random))
      bytes.append((0..<Int.random(in: 0...40, using: &random)).map { _ in .random(in: 0...255, using: &random) })
      uuids.append(.random(in: .min ... .max, using: &random))
      timestamps.append(.random(in: -200_000_000_000_000_000...9_000_000_000_000_000_000, using: &random))
    }
  }

  private static func text(using random: inout SystemRandomNumberGenerator) -> String {
    var scalars = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...20, using: &random) {
      // Everything but NUL, and the surrogates, which are no scalars.
      if let scalar = Unicode.Scalar(UInt32.random(in: 1...0x10FFFF, using: &random)) { scalars.append(scalar) }
    }
    return String(scalars)
  }

  var parameters: [PostgresValue] {
    [
      .bools(bools), .int2s(int2s), .int4s(int4s), .int8s(int8s), .texts(texts), .bytesArray(bytes), .uuids(uuids),
      .timestamps(timestamps),
    ]
  }

  init(_ row: PostgresRow) throws {
    bools = try row.bools(0)
    int2s = try row.int2s(1)
    int4s = try row.int4s(2)
    int8s = try row.int8s(3)
    texts = try row.texts(4)
    bytes = try row.bytesArray(5)
    uuids = try row.uuids(6)
    timestamps = try row.timestamps(7)
  }

  mutating func append(_ row: PostgresRow) throws {
    bools.append(try row.bool(0))
    int2s.append(try row.int2(1))
    int4s.append(try row.int4(2))
    int8s.append(try row.int8(3))
    texts.append(try row.text(4))
    bytes.append(try row.bytes(5))
    uuids.append(try row.uuid(6))
    timestamps.append(try row.timestamp(7))
  }
}

@Suite struct ArrayTests {
  private static let echo = PostgresStatement(
    "echo",
    "SELECT $1::bool[], $2::int2[], $3::int4[], $4::int8[], $5::text[], $6::bytea[], $7::uuid[], $8::timestamptz[]")
  private static let unnest = PostgresStatement(
    "unnest",
    """
    SELECT * FROM unnest($1::bool[], $2::int2[], $3::int4[], $4::int8[], $5::text[], $6::bytea[], $7::uuid[], $8::timestamptz[])
    """)

  @Test func `random arrays come back, whole and unnested into rows`() async throws {
    let connection = try await connect()
    var random = SystemRandomNumberGenerator()
    for round in 0..<40 {
      let columns = Columns(count: round < 3 ? round : .random(in: 3...300, using: &random), using: &random)
      let results = try await connection.pipeline([
        PostgresQuery(Self.echo, parameters: columns.parameters), PostgresQuery(Self.unnest, parameters: columns.parameters),
      ])
      #expect(try Columns(results[0][0]) == columns)
      var unnested = Columns()
      for row in results[1] { try unnested.append(row) }
      #expect(unnested == columns)
    }
    await connection.close()
  }

  @Test func `NULLs among the elements arrive where they were`() async throws {
    let connection = try await connect()
    let statement = PostgresStatement(
      "optionals",
      """
      SELECT * FROM unnest($1::bool[], $2::int2[], $3::int4[], $4::int8[], $5::text[], $6::bytea[], $7::uuid[], $8::timestamptz[])
      """)
    let rows = try await connection.query(
      PostgresQuery(
        statement, .optionalBools([true, nil]), .optionalInt2s([nil, 1]), .optionalInt4s([2, nil]), .optionalInt8s([nil, 3]),
        .optionalTexts(["", nil]), .optionalBytesArray([nil, []]), .optionalUUIDs([4, nil]), .optionalTimestamps([nil, 5])))
    #expect(try rows.map { row throws in try row.optionalBool(0) } == [true, nil])
    #expect(try rows.map { row throws in try row.optionalInt2(1) } == [nil, 1])
    #expect(try rows.map { row throws in try row.optionalInt4(2) } == [2, nil])
    #expect(try rows.map { row throws in try row.optionalInt8(3) } == [nil, 3])
    #expect(try rows.map { row throws in try row.optionalText(4) } == ["", nil])
    #expect(try rows.map { row throws in try row.optionalBytes(5) } == [nil, []])
    #expect(try rows.map { row throws in try row.optionalUUID(6) } == [4, nil])
    #expect(try rows.map { row throws in try row.optionalTimestamp(7) } == [nil, 5])
    await connection.close()
  }

  @Test func `arrays are looked up with ANY, and counted as affected rows`() async throws {
    let connection = try await connect()
    try await connection.execute(script: "CREATE TEMPORARY TABLE seats (seat int4 PRIMARY KEY, sold bool NOT NULL)")
    let insert = PostgresStatement("insert", "INSERT INTO seats SELECT unnest($1::int4[]), false")
    let sell = PostgresStatement("sell", "UPDATE seats SET sold = true WHERE seat = ANY($1::int4[])")
    let results = try await connection.pipeline([
      PostgresQuery(insert, .int4s(Array(0..<100))), PostgresQuery(sell, .int4s([5, 7, 200])),
      PostgresQuery(sell, .int4s([])),
      PostgresQuery(PostgresStatement("sold", "SELECT seat FROM seats WHERE sold ORDER BY seat")),
    ])
    #expect(results.map(\.affectedRows) == [100, 2, 0, 2])
    #expect(try results[3].map { row throws in try row.int4(0) } == [5, 7])
    await connection.close()
  }
}
