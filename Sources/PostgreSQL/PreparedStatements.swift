/// Which statements the server has prepared for this connection, and under which names.
///
/// Prepared statements are not undone with a transaction, so each counts from the moment that its preparation was answered with
/// success, whatever becomes of the commands after it.
struct PreparedStatements {
  struct Key: Hashable {
    let statement: PostgresStatement
    /// The parameters' types, as object identifiers.
    let types: [UInt32]
  }

  private var names: [Key: String] = [:]
  private var forgotten = 0

  func name(of key: Key) -> String? { names[key] }

  /// The name to prepare the statement under: its own, or once any was forgotten a new one, as the server may still hold the old.
  func newName(for statement: PostgresStatement) -> String {
    forgotten == 0 ? statement.description : "\(statement)/\(forgotten)"
  }

  mutating func insert(_ key: Key, name: String) { names[key] = name }

  /// Makes the next use prepare the statement anew.
  mutating func forget(_ statement: PostgresStatement) {
    forgotten += 1
    for key in names.keys where key.statement == statement { names[key] = nil }
  }
}
