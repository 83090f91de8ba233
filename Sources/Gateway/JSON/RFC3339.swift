public import Ticketing

extension Timestamp {
  /// Reads a time such as `2030-06-01T18:00:00Z` or `2030-06-01T20:00:00.5+02:00` (RFC 3339, 5.6). Fractions are cut to microseconds; the
  /// years are 0001 to 9999.
  init?(rfc3339 text: String) {
    let bytes = Array(text.utf8)
    func digits(_ start: Int, _ count: Int) -> Int? {
      guard start + count <= bytes.count else { return nil }
      var value = 0
      for byte in bytes[start..<(start + count)] {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        value = value * 10 + Int(byte - UInt8(ascii: "0"))
      }
      return value
    }
    func letter(_ position: Int, _ letters: String) -> Bool { position < bytes.count && letters.utf8.contains(bytes[position]) }

    guard let year = digits(0, 4), letter(4, "-"), let month = digits(5, 2), letter(7, "-"), let day = digits(8, 2),
      letter(10, "Tt"),
      let hour = digits(11, 2), letter(13, ":"), let minute = digits(14, 2), letter(16, ":"), let second = digits(17, 2),
      year >= 1, (1...12).contains(month), day >= 1, day <= Self.days(inMonth: month, of: year), hour < 24, minute < 60,
      second <= 60
    else { return nil }
    var position = 19
    var fraction = 0
    if letter(position, ".") {
      position += 1
      let start = position
      while digits(position, 1) != nil { position += 1 }
      guard position > start else { return nil }
      let kept = min(6, position - start)
      fraction = digits(start, kept) ?? 0
      for _ in kept..<6 { fraction *= 10 }
    }
    var offset = 0
    if letter(position, "Zz") {
      position += 1
    } else {
      guard letter(position, "+-"), let hours = digits(position + 1, 2), letter(position + 3, ":"),
        let minutes = digits(position + 4, 2), hours < 24, minutes < 60
      else { return nil }
      offset = (hours * 60 + minutes) * (letter(position, "-") ? -60 : 60)
      position += 6
    }
    guard position == bytes.count else { return nil }
    let seconds = Self.days(from: year, month, day) * 86400 + hour * 3600 + minute * 60 + min(second, 59) - offset
    // An offset can lead out of the years that can be written.
    guard (1...9999).contains(Self.civil(days: Self.floorDivide(seconds, 86400).quotient).year) else { return nil }
    self.init(microseconds: Int64(seconds) * 1_000_000 + Int64(fraction))
    guard Self.representable.contains(self) else { return nil }
  }

  /// `2030-06-01T18:00:00Z`, with milliseconds unless they are zero.
  public var rfc3339: String {
    String(unsafeUninitializedCapacity: TextRoom.longestTime) { room in
      guard let start = room.baseAddress else { return 0 }
      var text = TextRoom(start)
      text.write(self)
      return text.next - start
    }
  }

  /// The date in UTC, and the milliseconds since it began.
  fileprivate var civil: (year: UInt32, month: UInt32, day: UInt32, milliseconds: UInt32) {
    let milliseconds = Int(microseconds >= 0 ? microseconds / 1000 : (microseconds - 999) / 1000)
    let (days, rest) = Self.floorDivide(milliseconds, 86_400_000)
    let (year, month, day) = Self.civil(days: days)
    return (UInt32(year), UInt32(month), UInt32(day), UInt32(rest))
  }

  private static func floorDivide(_ value: Int, _ divisor: Int) -> (quotient: Int, remainder: Int) {
    let quotient = value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    return (quotient, value - quotient * divisor)
  }

  private static func days(inMonth month: Int, of year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  // The calendar in eras of 400 years that begin in March, so that the leap day is a year's last: Howard Hinnant's algorithms.

  private static func days(from year: Int, _ month: Int, _ day: Int) -> Int {
    let year = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = floorDivide(year, 400)
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
    let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }
}

extension TextRoom {
  /// Writes ``Timestamp/rfc3339``.
  mutating func write(_ time: Timestamp) {
    let (year, month, day, milliseconds) = time.civil
    let seconds = milliseconds / 1000
    write(twoDigits: year / 100)
    write(twoDigits: year % 100)
    write(UInt8(ascii: "-"))
    write(twoDigits: month)
    write(UInt8(ascii: "-"))
    write(twoDigits: day)
    write(UInt8(ascii: "T"))
    write(twoDigits: seconds / 3600)
    write(UInt8(ascii: ":"))
    write(twoDigits: seconds / 60 % 60)
    write(UInt8(ascii: ":"))
    write(twoDigits: seconds % 60)
    if milliseconds % 1000 != 0 {
      write(UInt8(ascii: "."))
      write(UInt64(milliseconds % 1000), digits: 3)
    }
    write(UInt8(ascii: "Z"))
  }
}
