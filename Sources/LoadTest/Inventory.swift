/// The parts of `Event` that matter here.
struct Event: Decodable, Sendable, Equatable {
  struct Section: Decodable, Sendable, Equatable {
    enum Kind: String, Decodable { case seated, generalAdmission = "general_admission" }

    var id: String
    var kind: Kind
    var capacity: Int
  }

  var id: String
  var name: String
  var status: String
  var salesOpenAt: String
  var holdSeconds: Int
  var maxTicketsPerCustomer: Int
  var sections: [Section]
}

/// The contract's `Availability`.
struct Availability: Decodable, Sendable, Equatable {
  struct Section: Decodable, Sendable, Equatable {
    var id: String
    var capacity: Int
    var available: Int
    var held: Int
    var sold: Int
  }

  var version: Int
  var sections: [Section]
}

/// The contract's `SeatMap`.
struct SeatMap: Decodable, Sendable, Equatable {
  struct Row: Decodable, Sendable, Equatable {
    var name: String
    var aislesAfter: [Int]?
    /// A letter a seat: a available, h held, s sold.
    var seats: String
  }

  var section: String
  var version: Int
  var rows: [Row]

  /// Each seat's id and letter, front row first.
  func forEachSeat(_ body: (_ seat: String, _ letter: UInt8) -> Void) {
    for row in rows {
      for (index, letter) in row.seats.utf8.enumerated() { body("\(section)-\(row.name)-\(index + 1)", letter) }
    }
  }
}

/// Everything that the server says about what is left, read at one time.
struct Inventory: Sendable, Equatable {
  var availability: Availability
  /// Of the seated sections.
  var maps: [SeatMap]

  func section(_ id: String) -> Availability.Section? { availability.sections.first { $0.id == id } }

  var letters: [String: UInt8] {
    var letters: [String: UInt8] = [:]
    for map in maps { map.forEachSeat { letters[$0] = $1 } }
    return letters
  }
}
