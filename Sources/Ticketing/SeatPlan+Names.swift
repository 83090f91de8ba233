extension SeatPlan {
  /// The seat's name: its section's id, its row's name and its number, as in `stalls-C-12`. The event must have the seat.
  public func name(of seat: SeatIndex) -> String {
    guard let position = position(of: seat) else {
      fatalError("Seat \(seat) was to be named, but the event has \(seatCount) seats.")
    }
    let section = sections[position.section]
    return "\(section.id)-\(section.rows[position.row].name)-\(position.number)"
  }

  /// The seat with this name; `nil` if there is none. A section's id may contain dashes, a row's name may not: so it is read from
  /// the right. A number has no sign and no leading zero, so that every seat has exactly one name.
  public func seat(named name: String) -> SeatIndex? {
    let bytes = name.utf8
    guard let secondDash = bytes.lastIndex(of: UInt8(ascii: "-")),
      let firstDash = bytes[..<secondDash].lastIndex(of: UInt8(ascii: "-")),
      let number = seatNumber(bytes[bytes.index(after: secondDash)...]),
      let section = section(withID: String(name[..<firstDash])),
      let row = row(named: String(name[bytes.index(after: firstDash)..<secondDash]), in: section)
    else { return nil }
    return seat(at: Position(section: section, row: row, number: number))
  }

  private func seatNumber(_ digits: Substring.UTF8View) -> Int? {
    guard (1...9).contains(digits.count), digits.first != UInt8(ascii: "0") else { return nil }
    var number = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      number = number * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return number
  }
}
