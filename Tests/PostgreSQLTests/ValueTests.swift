import PostgreSQL
import Testing

/// Values go to the server and come back: each as a parameter in binary, through a column, and as a result in binary.
@Suite struct ValueTests {
  @Test func `integers and booleans come back, extremes included`() async throws {
    let connection = try await connect()
    let statement = PostgresStatement("scalars", "SELECT $1::bool, $2::int2, $3::int4, $4::int8")
    for (small, medium, large) in [(Int16.min, Int32.min, Int64.min), (0, 0, 0), (-1, -1, -1), (.max, .max, .max)] {
      let row = try await connection.query(
        PostgresQuery(statement, .bool(small > 0), .int2(small), .int4(medium), .int8(large)))[0]
      #expect(try row.bool(0) == (small > 0))
      #expect(try row.int2(1) == small)
      #expect(try row.int4(2) == medium)
      #expect(try row.int8(3) == large)
    }
    await connection.close()
  }

  @Test(arguments: ["", "plain", "Straße, 東京, \u{1F3AB}", "e\u{301}", "'; DROP TABLE seats; --", "\u{10FFFF}\u{7F}\n\t"])
  func `text comes back scalar for scalar`(text: String) async throws {
    let connection = try await connect()
    let row = try await connection.query(
      PostgresQuery(PostgresStatement("text", "SELECT $1::text, octet_length($1), $1::varchar, $1::char(40)"), .text(text)))[0]
    #expect(try Array(row.text(0).utf8) == Array(text.utf8))
    #expect(try row.int4(1) == Int32(text.utf8.count))
    #expect(try Array(row.text(2).utf8) == Array(text.utf8))
    #expect(try row.text(3).unicodeScalars.count == 40)
    await connection.close()
  }

  @Test func `the server refuses NUL in text`() async throws {
    let connection = try await connect()
    let error = try await postgresError {
      _ = try await connection.query(PostgresQuery(PostgresStatement("nul", "SELECT $1::text"), .text("a\0b")))
    }
    #expect(error.code == .server)
    #expect(error.sqlState == "22021")
    #expect(!error.isRetryable)
    await connection.close()
  }

  @Test func `bytes come back, NUL bytes included`() async throws {
    let connection = try await connect()
    let statement = PostgresStatement("bytes", "SELECT $1::bytea, octet_length($1)")
    for bytes in [[], [0], [0, 0, 1, 0], Array(0...255), Array(repeating: 0, count: 3_000_000)] as [[UInt8]] {
      let row = try await connection.query(PostgresQuery(statement, .bytes(bytes)))[0]
      #expect(try row.bytes(0) == bytes)
      #expect(try row.int4(1) == Int32(bytes.count))
    }
    await connection.close()
  }

  @Test func `identifiers are the same to PostgreSQL and to Swift`() async throws {
    let connection = try await connect()
    let statement = PostgresStatement("uuid", "SELECT $1::uuid, $1::text")
    let id: UInt128 = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff
    for value in [id, .min, .max] {
      let row = try await connection.query(PostgresQuery(statement, .uuid(value)))[0]
      #expect(try row.uuid(0) == value)
      if value == id { #expect(try row.text(1) == "00112233-4455-6677-8899-aabbccddeeff") }
    }
    await connection.close()
  }

  @Test func `times are the same to PostgreSQL and to Swift`() async throws {
    let connection = try await connect()
    let statement = PostgresStatement("time", "SELECT $1::timestamptz, floor(extract(epoch FROM $1))::int8")
    // 1970, before, after, the first that PostgreSQL knows (4714 BC), and the last that fits.
    for time in [0, -1, 1_700_000_000_123_456, -210_866_803_200_000_000, .max] as [Int64] {
      let row = try await connection.query(PostgresQuery(statement, .timestamp(microsecondsSince1970: time)))[0]
      #expect(try row.timestamp(0) == time)
      #expect(try row.int8(1) == Int64((Double(time) / 1_000_000).rounded(.down)), "\(time)")
    }
    await connection.close()
  }

  @Test(arguments: [Int64.min, Int64.min + 1, Int64.min + 946_684_800_000_000, -210_866_803_200_000_001])
  func `a time before PostgreSQL's range is refused and is not taken for infinity`(time: Int64) async throws {
    let connection = try await connect()
    let error = try await postgresError {
      let statement = PostgresStatement("time", "SELECT $1::timestamptz")
      _ = try await connection.query(PostgresQuery(statement, .timestamp(microsecondsSince1970: time)))
    }
    #expect(error.sqlState == "22008")
    await connection.close()
  }

  @Test func `JSON comes back as PostgreSQL writes it`() async throws {
    let connection = try await connect()
    let statement = PostgresStatement("json", "SELECT $1::jsonb, $1 ->> 'row', '[1]'::json")
    let row = try await connection.query(PostgresQuery(statement, .jsonb(#"{"row":"\u00c4", "seat": 12}"#)))[0]
    #expect(try row.jsonb(0) == #"{"row": "Ä", "seat": 12}"#)
    #expect(try row.text(1) == "Ä")
    #expect(try row.text(2) == "[1]")
    await connection.close()
  }

  @Test func `NULL comes back as nil, and as an error where a value is asked for`() async throws {
    let connection = try await connect()
    let statement = PostgresStatement(
      "nulls",
      "SELECT $1::bool, $2::int2, $3::int4, $4::int8, $5::text, $6::bytea, $7::uuid, $8::timestamptz, $9::jsonb, $10::int4[]")
    let types: [PostgresType] = [.bool, .int2, .int4, .int8, .text, .bytea, .uuid, .timestamptz, .jsonb, .int4Array]
    let row = try await connection.query(PostgresQuery(statement, parameters: types.map { .null($0) }))[0]
    #expect(try row.optionalBool(0) == nil)
    #expect(try row.optionalInt2(1) == nil)
    #expect(try row.optionalInt4(2) == nil)
    #expect(try row.optionalInt8(3) == nil)
    #expect(try row.optionalText(4) == nil)
    #expect(try row.optionalBytes(5) == nil)
    #expect(try row.optionalUUID(6) == nil)
    #expect(try row.optionalTimestamp(7) == nil)
    #expect(try row.optionalJSONB(8) == nil)
    #expect(try row.optionalInt4s(9) == nil)
    let error = try await postgresError { _ = try row.int8(3) }
    #expect(error.code == .decoding)
    #expect(error.message.hasPrefix("column 3 (int8) is NULL"), "\(error.message)")
    await connection.close()
  }

  @Test func `a column read as another type is an error that names both`() async throws {
    let connection = try await connect()
    let statement = PostgresStatement(
      "mixed", "SELECT 1 AS seat, 2.5::numeric AS price, 'infinity'::timestamptz, '{1,NULL}'::int4[]")
    let row = try await connection.query(PostgresQuery(statement))[0]
    let wrongType = try await postgresError { _ = try row.int8(0) }
    #expect(wrongType.code == .decoding)
    #expect(wrongType.statement == "mixed")
    #expect(wrongType.message.hasPrefix("column 0 (seat) is int4, not int8"), "\(wrongType.message)")
    let unknownType = try await postgresError { _ = try row.text(1) }
    #expect(unknownType.message.hasPrefix("column 1 (price) is OID 1700, not text"), "\(unknownType.message)")
    #expect(try await postgresError { _ = try row.timestamp(2) }.code == .decoding)
    #expect(try await postgresError { _ = try row.int4s(3) }.code == .decoding)
    let noColumn = try await postgresError { _ = try row.int4(4) }
    #expect(noColumn.message == "there is no column 4: the rows have 4, counted from 0")
    await connection.close()
  }
}
