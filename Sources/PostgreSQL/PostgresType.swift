/// A type that this client sends and reads, by its object identifier in PostgreSQL's catalogue (`pg_type.oid`).
public enum PostgresType: UInt32, Sendable, Hashable {
  case bool = 16
  case bytea = 17
  case int8 = 20
  case int2 = 21
  case int4 = 23
  case text = 25
  case timestamptz = 1184
  case uuid = 2950
  case jsonb = 3802
  case boolArray = 1000
  case byteaArray = 1001
  case int2Array = 1005
  case int4Array = 1007
  case textArray = 1009
  case int8Array = 1016
  case timestamptzArray = 1185
  case uuidArray = 2951

  /// The type of an array's elements; nil for a type that is no array.
  var element: PostgresType? {
    switch self {
    case .boolArray: .bool
    case .byteaArray: .bytea
    case .int2Array: .int2
    case .int4Array: .int4
    case .textArray: .text
    case .int8Array: .int8
    case .timestamptzArray: .timestamptz
    case .uuidArray: .uuid
    case .bool, .bytea, .int8, .int2, .int4, .text, .timestamptz, .uuid, .jsonb: nil
    }
  }

  /// The type's name as SQL writes it.
  var sqlName: String { element.map { "\($0)[]" } ?? "\(self)" }

  /// Whether a column of the server's type `identifier` is in the same binary format and has the same meaning.
  func reads(_ identifier: UInt32) -> Bool {
    switch self {
    case .text: identifier == rawValue || [1043, 1042, 19, 114].contains(identifier)  // varchar, char(n), name, json
    case .textArray: identifier == rawValue || identifier == 1015  // varchar[]
    default: identifier == rawValue
    }
  }

  /// The name of a type that came from the server, or its identifier where this client does not know it.
  static func name(of identifier: UInt32) -> String {
    PostgresType(rawValue: identifier)?.sqlName ?? "OID \(identifier)"
  }
}
