/// The result of one query: its rows, decoded when they are read, and how many rows it changed.
public struct PostgresRows: Sendable, RandomAccessCollection {
  private let result: PostgresResult
  private let statement: String

  init(_ result: PostgresResult, of statement: String) {
    (self.result, self.statement) = (result, statement)
    endIndex = result.rowCount
  }

  public var startIndex: Int { 0 }
  public let endIndex: Int

  public subscript(position: Int) -> PostgresRow {
    precondition(indices.contains(position), "row \(position) of \(count)")
    return PostgresRow(result, row: position, of: statement)
  }

  /// How many rows the command inserted, updated, deleted or returned; 0 for other commands.
  public var affectedRows: Int { result.affectedRows }

  /// The command's tag, such as `ROLLBACK`.
  var commandTag: String { result.commandTag }
}

/// One row of a result. Columns are counted from 0. Reading a column as another type than it has, or NULL as a value, throws a
/// ``PostgresError/Code/decoding`` error that names the statement and the column; nothing is converted silently, so let the SQL
/// cast.
public struct PostgresRow: Sendable {
  private let result: PostgresResult
  private let row: Int
  private let statement: String

  init(_ result: PostgresResult, row: Int, of statement: String) {
    (self.result, self.row, self.statement) = (result, row, statement)
  }

  /// The column's value as `read` sees it; nil for NULL. `read` says nil for bytes that are no such value.
  func decode<T>(
    _ column: Int, as wanted: PostgresType, _ read: (borrowing BinaryReader) -> T?
  ) throws(PostgresError) -> T? {
    guard (0..<result.columnCount).contains(column) else {
      throw error("there is no column \(column): the rows have \(result.columnCount), counted from 0")
    }
    let type = result.columnType(column)
    guard wanted.reads(type) else {
      throw error(
        "\(name(column)) is \(PostgresType.name(of: type)), not \(wanted.sqlName); read it as what it is, or cast it in the SQL")
    }
    guard let bytes = result.bytes(row: row, column: column) else { return nil }
    return try withExtendedLifetime(result) { () throws(PostgresError) -> T in
      if let value = read(BinaryReader(bytes)) { return value }
      throw error("\(name(column)) holds a value that does not fit, such as infinity, NULL in an array, or several dimensions")
    }
  }

  /// The same for a column that must not be NULL.
  func decodeNonNull<T>(
    _ column: Int, as wanted: PostgresType, _ read: (borrowing BinaryReader) -> T?
  ) throws(PostgresError) -> T {
    if let value = try decode(column, as: wanted, read) { return value }
    throw error("\(name(column)) is NULL; read it with the optional form, or rule NULL out in the SQL")
  }

  private func name(_ column: Int) -> String {
    "column \(column) (\(result.columnName(column)))"
  }

  private func error(_ message: String) -> PostgresError {
    var error = PostgresError(.decoding, message)
    error.statement = statement
    return error
  }
}
