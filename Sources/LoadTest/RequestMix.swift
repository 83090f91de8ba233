/// What each request asks for. Depends on the seed and the request's number alone, so it can be asked again by the audit.
struct RequestMix: Sendable {
  struct Ask: Sendable, Equatable {
    var section: String
    var quantity: Int
    /// Nil: the best available.
    var seats: [String]?

    var body: String {
      if let seats {
        "{\"selection\":{\"seats\":[\(seats.map { "\"\($0)\"" }.joined(separator: ","))]}}"
      } else {
        "{\"selection\":{\"section\":\"\(section)\",\"quantity\":\(quantity)}}"
      }
    }
  }

  private let seed: UInt64
  private let ticketsPerRequest: ClosedRange<Int>
  private let namedSeatsShare: Double
  private let sections: [Event.Section]
  /// A section's share of requests is its share of the capacity: where each number up to which it is meant.
  private let upTo: [Int]
  private let maps: [String: SeatMap]

  init(plan: LoadPlan, event: Event, inventory: Inventory) {
    seed = plan.seed
    ticketsPerRequest = plan.ticketsPerRequest
    namedSeatsShare = plan.namedSeatsShare
    sections = event.sections
    var sum = 0
    upTo = event.sections.map { section in
      sum += section.capacity
      return sum
    }
    maps = Dictionary(inventory.maps.map { ($0.section, $0) }, uniquingKeysWith: { first, _ in first })
  }

  func ask(_ request: Int) -> Ask {
    var random = SplitMix64(state: seed ^ (UInt64(request) &* 0xD1B5_4A32_D192_ED03))
    let ticket = Int.random(in: 0..<(upTo.last ?? 1), using: &random)
    let section = sections[upTo.firstIndex { ticket < $0 } ?? 0]
    let quantity = Int.random(in: ticketsPerRequest, using: &random)
    let named = Double.random(in: 0..<1, using: &random) < namedSeatsShare
    let seats = named ? seats(quantity, in: section, using: &random) : nil
    return Ask(section: section.id, quantity: quantity, seats: seats)
  }

  /// Side by side in a row, as somebody would click them; nil where no row is long enough.
  private func seats(_ quantity: Int, in section: Event.Section, using random: inout SplitMix64) -> [String]? {
    guard let map = maps[section.id] else { return nil }
    guard let row = map.rows.filter({ $0.seats.utf8.count >= quantity }).randomElement(using: &random) else { return nil }
    let first = Int.random(in: 1...(row.seats.utf8.count - quantity + 1), using: &random)
    return (first..<first + quantity).map { "\(section.id)-\(row.name)-\($0)" }
  }
}

/// Sebastiano Vigna's generator: small, fast, and the same everywhere.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
