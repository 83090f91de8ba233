import TestSupport
import Testing
import Ticketing

struct IdentifierTests {
  /// A digit after the other.
  private func text(of number: UInt128) -> String {
    let digits = String(number, radix: 16)
    let padded = Array(String(repeating: "0", count: 32 - digits.count) + digits)
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(padded[$0]) }.joined(separator: "-")
  }

  @Test func `an identifier is written as a UUID, and read as it was written`() throws {
    var generator = SeededGenerator(seed: 11)
    var numbers: [UInt128] = [0, 1, .max, 0x0123_4567_89AB_CDEF_FEDC_BA98_7654_3210, 0x9A9A_9A9A_9A9A_9A9A_9A9A_9A9A_9A9A_9A9A]
    // Each digit in each place.
    for place in 0..<32 { numbers += (0..<16).map { UInt128($0) << UInt128(place * 4) } }
    numbers += (0..<1000).map { _ in .random(in: .min ... .max, using: &generator) }
    for number in numbers {
      let written = EventID(number).description
      #expect(written == text(of: number))
      #expect(try #require(EventID(written)).rawValue == number)
      #expect(EventID(written.uppercased())?.rawValue == number)
    }
  }

  @Test(arguments: [
    "", "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdef0",
    "01234567-89ab-cdef-0123-456789abcdeg", "0123456-789ab-cdef-0123-456789abcdef", "{1234567-89ab-cdef-0123-456789abcde}",
    "01234567-89ab-cdef-0123-456789abcd\u{e9}",
  ])
  func `nothing else is read as one`(text: String) {
    #expect(EventID(text) == nil)
  }
}
