import CPostgreSQL

/// Owns a `PGresult`.
///
/// Sendable because it is only read after its creation. libpq's documentation, "Behavior in Threaded Programs": "PGresult objects
/// are normally read-only after creation, and so can be passed around freely between threads."
final class PostgresResult: @unchecked Sendable {
  private let result: OpaquePointer

  /// Takes over `result`, which is cleared with this object.
  init(owning result: OpaquePointer) { self.result = result }

  deinit { PQclear(result) }

  var status: ExecStatusType { PQresultStatus(result) }
  var rowCount: Int { Int(PQntuples(result)) }
  var columnCount: Int { Int(PQnfields(result)) }

  /// The command's tag without its numbers, such as `COMMIT`.
  var commandTag: String { String(cString: PQcmdStatus(result)) }

  var affectedRows: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

  func columnName(_ column: Int) -> String { String(cString: PQfname(result, CInt(column))) }
  func columnType(_ column: Int) -> UInt32 { PQftype(result, CInt(column)) }

  /// The value's bytes, valid while this object lives; nil for NULL. Row and column must exist.
  func bytes(row: Int, column: Int) -> UnsafeRawBufferPointer? {
    let (row, column) = (CInt(row), CInt(column))
    guard PQgetisnull(result, row, column) == 0 else { return nil }
    return UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
  }

  private func field(_ field: DiagnosticField) -> String? { field.read(result) }

  /// Whether the server ends the connection with this error.
  var isFatal: Bool {
    let severity = field(.severity)
    return severity == "FATAL" || severity == "PANIC"
  }

  /// The message without its details, for errors and notices.
  var primaryMessage: String {
    field(.message) ?? oneLine(String(cString: PQresultErrorMessage(result)))
  }

  /// The error that the server reported.
  func error() -> PostgresError {
    var error = PostgresError(isFatal ? .connectionLost : .server, primaryMessage, sqlState: field(.sqlState))
    error.detail = field(.detail)
    error.hint = field(.hint)
    error.table = field(.table)
    error.column = field(.column)
    error.constraint = field(.constraint)
    // "cached plan must not change result type" has the code of every unsupported feature and a translated text; the name of the
    // function that reports it is what tells it apart.
    error.isStaleStatement =
      error.sqlState == SQLState.unknownPreparedStatement || field(.function) == "RevalidateCachedQuery"
    return error
  }
}

/// A part of an error or notice. libpq's macros `PG_DIAG_…`, which Swift cannot import.
enum DiagnosticField: Unicode.Scalar {
  /// `ERROR`, `FATAL` or `PANIC`, untranslated.
  case severity = "V"
  case sqlState = "C"
  case message = "M"
  case detail = "D"
  case hint = "H"
  case table = "t"
  case column = "c"
  case constraint = "n"
  /// The function in the server's source that reports the error.
  case function = "R"

  func read(_ result: OpaquePointer) -> String? {
    PQresultErrorField(result, CInt(rawValue.value)).map { String(cString: $0) }
  }
}

/// libpq's messages have several lines; errors and log entries have one.
func oneLine(_ text: String) -> String {
  text.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }.joined(separator: "; ")
}
