extension SeatPlan {
  /// The seat's name: its section's id, its row's name and its number, as in `stalls-C-12`. The event must have the seat.
  public func name(of seat: SeatIndex) -> String {
    guard let position = position(of: seat) else {
      fatalError("Seat \(seat) was to be named, but the event has \(seatCount) seats.")
    }
    let section = sections[position.section]
    var (id, row) = (section.id, section.rows[position.row].name)
    // Into room of the right size, which is mostly that of a string that is not allocated: interpolated, it was more than twice the work.
    return id.withUTF8 { id in
      row.withUTF8 { row in
        let (firstDash, secondDash) = (id.count, id.count + 1 + row.count)
        let length = secondDash + 1 + digits(of: position.number)
        return String(unsafeUninitializedCapacity: length) { name in
          _ = name.initialize(fromContentsOf: id)
          _ = name[(firstDash + 1)...].initialize(fromContentsOf: row)
          (name[firstDash], name[secondDash]) = (UInt8(ascii: "-"), UInt8(ascii: "-"))
          var rest = position.number
          for index in (secondDash + 1..<length).reversed() {
            name[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
          }
          return length
        }
      }
    }
  }

  private func digits(of number: Int) -> Int {
    var (digits, bound) = (1, 10)
    while number >= bound { (digits, bound) = (digits + 1, bound * 10) }
    return digits
  }

  /// The seat with this name; `nil` if there is none. A section's id may contain dashes, a row's name may not: so it is read from
  /// the right. A number has no sign and no leading zero, so that every seat has exactly one name.
  public func seat(named name: String) -> SeatIndex? {
    var name = name
    // Taken apart where its bytes lie: through the string's own indices that was most of the work.
    return name.withUTF8 { name in
      let dash = UInt8(ascii: "-")
      guard let secondDash = name.lastIndex(of: dash), let firstDash = name[..<secondDash].lastIndex(of: dash),
        let number = seatNumber(name[(secondDash + 1)...]),
        let section = section(withID: text(name[..<firstDash])),
        let row = row(named: text(name[(firstDash + 1)..<secondDash]), in: section)
      else { return nil }
      return seat(at: Position(section: section, row: row, number: number))
    }
  }

  private func text(_ part: Slice<UnsafeBufferPointer<UInt8>>) -> String {
    String(unsafeUninitializedCapacity: part.count) { $0.initialize(fromContentsOf: part) }
  }

  private func seatNumber(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
    guard (1...9).contains(digits.count), digits.first != UInt8(ascii: "0") else { return nil }
    var number = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      number = number * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return number
  }
}
