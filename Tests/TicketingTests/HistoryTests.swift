import TestSupport
import Testing
import Ticketing

/// Random histories of random small venues. A failure names the seed, which reproduces it.
struct HistoryTests {
  @Test(arguments: 0..<40)
  func `every decision is the one that trying all choices finds`(block: Int) throws {
    for seed in block * 50..<(block + 1) * 50 {
      try follow(seed: UInt64(seed), steps: 40)
    }
  }

  @Test(arguments: 0..<20)
  func `a party is split as well as trying all choices splits it`(block: Int) throws {
    for seed in block * 50..<(block + 1) * 50 {
      var generator = SeededGenerator(seed: UInt64(seed))
      let rows = (0..<Int.random(in: 2...6, using: &generator)).map { _ in
        (0..<Int.random(in: 1...7, using: &generator)).map { _ in generator.oneIn(5) ? ".|" : "." }.joined()
      }
      let event = Event.onSale([.seated(rows)])
      var naive = NaiveSale(event)
      var state = EventState(event: event)
      func decision(on selection: Selection) -> Decision {
        let action = Command.Action.reserve(Command.Request(customer: CustomerID(1), selection: selection))
        let id = CommandID(UInt128(state.version + 1))
        return decide(Command(id: id, event: event.id, action: action, acceptedAt: opening), given: state, at: opening)
      }
      let seats = naive.seats.indices.map { SeatIndex($0) }.shuffled(using: &generator)
      let free = min(seats.count, Int.random(in: 2...13, using: &generator))
      let taken = decision(on: .seats(Array(seats[free...])))
      state.apply(taken)
      naive.note(taken)

      for quantity in 1...min(free, 9) {
        let decision = decision(on: .best(section: 0, quantity: quantity, adjacent: false))
        try #require(naive.agrees(with: decision, at: opening), "seed \(seed), \(quantity) seats: \(decision)")
      }
    }
  }

  private func follow(seed: UInt64, steps: Int) throws {
    var random = RandomSale(seed: seed)
    var naive = NaiveSale(random.event)
    var state = EventState(event: random.event)
    var history: [Decision] = []
    for step in 0..<steps {
      let command = random.nextCommand(live: Array(naive.reservations.keys))
      let before = state
      let decision = decide(command, given: state, at: random.now)

      try #require(naive.agrees(with: decision, at: random.now), "seed \(seed), step \(step): \(decision)")
      try #require(decide(command, given: state, at: random.now) == decision, "seed \(seed), step \(step): not deterministic")
      try #require(state == before, "seed \(seed), step \(step): deciding changed the state")
      try #require(decision.version == state.version + 1, "seed \(seed), step \(step)")
      try #require(decision.decidedAt >= state.lastDecidedAt, "seed \(seed), step \(step)")

      state.apply(decision)
      naive.note(decision)
      history.append(decision)
      try #require(naive.isReflected(by: state) && naive.keepsLimit(state), "seed \(seed), step \(step): \(state)")
      if random.generator.oneIn(8) {
        let restored = try EventState(
          event: state.event, version: state.version, lastDecidedAt: state.lastDecidedAt,
          live: state.reservations.shuffled(using: &random.generator))
        try #require(restored == state, "seed \(seed), step \(step): restored otherwise")
        state = restored
      }
    }
    var replayed = EventState(event: random.event)
    for decision in history { try replayed.replay(decision) }
    try #require(replayed == state, "seed \(seed): replayed otherwise")
  }
}

/// Draws an event, and commands that are mostly sensible.
private struct RandomSale {
  var generator: SeededGenerator
  let event: Event
  var now = opening
  private var lastID: UInt128 = 0
  private let seatCount: Int

  init(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let sections = (0..<Int.random(in: 1...3, using: &generator)).map { index in
      if generator.oneIn(3) { return Section.standing(Int.random(in: 1...12, using: &generator), id: "floor-\(index)") }
      let rows = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
        (0..<Int.random(in: 1...5, using: &generator)).map { _ in generator.oneIn(4) ? ".|" : "." }.joined()
      }
      return Section.seated(rows, id: "block-\(index)")
    }
    let status: Event.Status = generator.oneIn(40) ? [.draft, .paused, .cancelled].randomElement(using: &generator)! : .published
    event = Event.onSale(
      sections, limit: Int.random(in: 1...8, using: &generator), maxExtensions: Int.random(in: 0...2, using: &generator),
      status: status)
    seatCount = sections.reduce(0) { $0 + rows(of: $1).reduce(0) { $0 + $1.seats } }
    self.generator = generator
  }

  mutating func nextCommand(live: [ReservationID]) -> Command {
    // The clock of another machine may be behind.
    now = now.adding(seconds: Int.random(in: -1...2, using: &generator))
    lastID += 1
    let known = live.sorted().randomElement(using: &generator) ?? ReservationID(lastID)
    let action: Command.Action =
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: .extend(known)
      case 1, 2: .release(known)
      case 3: .expire(known)
      default: .reserve(request())
      }
    let id = generator.oneIn(50) ? known.rawValue : lastID
    let afterOpening = generator.oneIn(30) ? [-1, 3599, 3600].randomElement(using: &generator)! : 0
    return Command(
      id: CommandID(id), event: event.id, action: action, acceptedAt: opening.adding(seconds: afterOpening))
  }

  private mutating func request() -> Command.Request {
    Command.Request(
      customer: CustomerID(UInt128(Int.random(in: 1...5, using: &generator))), selection: selection(),
      fallbacks: (0..<[0, 0, 1, 2].randomElement(using: &generator)!).map { _ in selection() })
  }

  private mutating func selection() -> Selection {
    if generator.oneIn(60) {
      let section = [-1, event.sections.count].randomElement(using: &generator)!
      return .best(section: section, quantity: 1, adjacent: true)
    }
    if generator.oneIn(60) {
      let quantity = [-1, 0, 101, .max].randomElement(using: &generator)!
      return .best(section: 0, quantity: quantity, adjacent: false)
    }
    if generator.oneIn(3) && seatCount > 0 {
      let outside: SeatIndex = generator.oneIn(40) ? 1 : 0
      return .seats(
        (0..<Int.random(in: generator.oneIn(40) ? 0...0 : 1...3, using: &generator)).map { _ in
          SeatIndex.random(in: -outside..<SeatIndex(seatCount) + outside, using: &generator)
        })
    }
    return .best(
      section: Int.random(in: 0..<event.sections.count, using: &generator), quantity: Int.random(in: 1...6, using: &generator),
      adjacent: Bool.random(using: &generator))
  }
}
