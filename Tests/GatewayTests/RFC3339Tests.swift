import TestSupport
import Testing
import Ticketing

@testable import Gateway

struct RFC3339Tests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000001Z", 1), ("1969-12-31T23:59:59.999999Z", -1),
    ("2030-06-01T18:00:00Z", 1_906_567_200_000_000), ("2030-06-01t18:00:00z", 1_906_567_200_000_000),
    ("2030-06-01T20:00:00+02:00", 1_906_567_200_000_000), ("2030-06-01T20:00:00.5+02:00", 1_906_567_200_500_000),
    ("2030-06-01T12:30:00-05:30", 1_906_567_200_000_000), ("2030-06-02T17:59:00+23:59", 1_906_567_200_000_000),
    ("2030-06-01T18:00:00-00:00", 1_906_567_200_000_000), ("2030-06-01T18:00:00.1234567899Z", 1_906_567_200_123_456),
    ("2024-02-29T00:00:00Z", 1_709_164_800_000_000), ("2000-02-29T00:00:00Z", 951_782_400_000_000),
    ("2000-03-01T00:00:00Z", 951_868_800_000_000), ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
    ("0001-01-01T00:00:00Z", -62_135_596_800_000_000), ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
  ])
  func `a time is read`(text: String, microseconds: Int64) {
    #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
  }

  @Test(arguments: [
    "", "2030", "2030-06-01", "2030-06-01T18:00Z", "2030-06-01T18:00:00", "2030-06-01 18:00:00Z", "2030-06-01T18:00:00 Z",
    " 2030-06-01T18:00:00Z", "2030-06-01T18:00:00Z ", "2030-06-01T18:00:00ZZ", "2030-6-01T18:00:00Z", "30-06-01T18:00:00Z",
    "+2030-06-01T18:00:00Z", "12030-06-01T18:00:00Z", "2030/06/01T18:00:00Z", "2030-06-01T18.00.00Z", "20300601T180000Z",
    "2030-00-01T18:00:00Z", "2030-13-01T18:00:00Z", "2030-06-00T18:00:00Z", "2030-06-31T18:00:00Z", "2030-01-32T18:00:00Z",
    "2030-02-29T18:00:00Z", "1900-02-29T18:00:00Z", "2024-02-30T18:00:00Z", "2030-06-01T24:00:00Z", "2030-06-01T18:60:00Z",
    "2030-06-01T18:00:61Z", "2030-06-01T18:00:00.Z", "2030-06-01T18:00:00,5Z", "2030-06-01T18:00:00.5", "2030-06-01T18:00:00+02",
    "2030-06-01T18:00:00+0200", "2030-06-01T18:00:00+24:00", "2030-06-01T18:00:00+02:60", "2030-06-01T18:00:00+02:00Z",
    "2030-06-01T18:00:00+02:00:00", "2030-06-01T18:00:00−02:00", "２０３０-06-01T18:00:00Z", "2030-06-01T18:00:00Z\u{0}",
    "1906567200", "now", "2030-W22-6T18:00:00Z",
  ])
  func `what is no time is refused`(text: String) {
    #expect(Timestamp(rfc3339: text) == nil)
  }

  /// They could be read, but not be written again.
  @Test(arguments: ["0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00Z"])
  func `a time outside the years 1 to 9999 is refused, also by its offset`(text: String) {
    #expect(Timestamp(rfc3339: text) == nil)
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00Z"), (999, "1970-01-01T00:00:00Z"), (1000, "1970-01-01T00:00:00.001Z"),
      (-1, "1969-12-31T23:59:59.999Z"), (-1000, "1969-12-31T23:59:59.999Z"), (-1001, "1969-12-31T23:59:59.998Z"),
      (1_906_567_200_000_000, "2030-06-01T18:00:00Z"), (1_906_567_200_500_000, "2030-06-01T18:00:00.500Z"),
      (1_709_164_800_000_000, "2024-02-29T00:00:00Z"), (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
      (253_402_300_799_999_999, "9999-12-31T23:59:59.999Z"),
    ] as [(Int64, String)])
  func `a time is written in UTC, to the millisecond`(microseconds: Int64, text: String) {
    #expect(Timestamp(microseconds: microseconds).rfc3339 == text)
  }

  @Test func `a time that was written is read as it was, cut to the millisecond`() {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<20_000 {
      let milliseconds = Int64.random(in: -62_135_596_800_000...253_402_300_799_999, using: &generator)
      let time = Timestamp(microseconds: milliseconds * 1000 + Int64.random(in: 0...999, using: &generator))
      #expect(Timestamp(rfc3339: time.rfc3339)?.microseconds == milliseconds * 1000)
    }
  }

  @Test func `every day from 1896 to 2104 follows on the one before`() {
    var time = Timestamp(microseconds: -2_335_219_200_000_000)
    #expect(time.rfc3339 == "1896-01-01T00:00:00Z")
    var days = 0
    for year in 1896...2104 {
      let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
      for (month, length) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
        for day in 1...length {
          let month = month + 1
          let text = "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)T00:00:00Z"
          if time.rfc3339 != text || Timestamp(rfc3339: text) != time { Issue.record("\(text): \(time.rfc3339)") }
          time = time.adding(seconds: 86_400)
          days += 1
        }
      }
    }
    #expect(days == 76_336)
  }
}
