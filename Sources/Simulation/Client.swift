import Gateway
import Pipeline
import Ticketing

/// Somebody who wants tickets: asks, asks again under the same key where there was no answer, polls, and then extends, gives back or
/// lets the hold end.
struct Client {
  let sale: Sale
  let number: Int
  private let process: SimulatedProcess
  private var random: SplitMix
  private let customer: CustomerID

  init(_ sale: Sale, number: Int) {
    self.sale = sale
    self.number = number
    process = SimulatedProcess("client \(number)")
    random = SplitMix(seed: sale.world.plan.seed &+ UInt64(number + 1) &* 0xC11E_47)
    customer = CustomerID(UInt128(1 + number / 2) << 64 | 0xC)
  }

  private var world: World { sale.world }

  mutating func run() async {
    await world.scheduler.wait(random.pick(0...world.plan.saleLasts))
    let event = sale.records[Int(random.next() % UInt64(sale.records.count))].event
    let id = DerivedIdentity.reservation(of: event.id, by: customer, key: "order \(number)")
    let request = Command.Request(customer: customer, selection: selection(), fallbacks: random.chance(0.3) ? [selection()] : [])
    let wanted = command(.reserve(request), CommandID(id.rawValue), event.id)
    let isImpatient = random.chance(0.15)
    if random.chance(0.2) {
      // A second click, which may reach another gateway.
      let (sale, process) = (sale, process)
      let delay = random.pick(0...(random.chance(0.5) ? 1000 : 300_000))
      async let second: Void = {
        await sale.world.scheduler.wait(delay)
        _ = await sale.send(wanted, from: process, gateway: 1)
      }()
      await ask(wanted, isImpatient: isImpatient)
      await second
    } else {
      await ask(wanted, isImpatient: isImpatient)
    }
  }

  private mutating func selection() -> Selection {
    switch random.pick(0...3) {
    case 0: .best(section: 0, quantity: Int(random.pick(1...3)), adjacent: false)
    case 1: .best(section: 1, quantity: Int(random.pick(1...3)), adjacent: random.chance(0.5))
    case 2: .best(section: 1, quantity: 2, adjacent: true)
    default: .seats([SeatIndex(random.pick(0...5)), SeatIndex(random.pick(6...11))])
    }
  }

  /// A box, since debug builds of this compiler lose their way in asynchronous calls with several 128-bit arguments.
  private func command(_ action: Command.Action, _ id: CommandID, _ event: EventID) -> Box<Command> {
    Box(Command(id: id, event: event, action: action, acceptedAt: world.time))
  }

  private mutating func ask(_ wanted: Box<Command>, isImpatient: Bool) async {
    let (id, event) = (wanted.value.reservation, wanted.value.event)
    guard await insist(wanted, isImpatient: isImpatient) else { return }
    guard let record = await poll(id, until: { $0.status != .queued }), record.status == .held else { return }
    switch random.pick(0...3) {
    case 0:
      let release = DerivedIdentity.command("release", about: id, by: customer)
      _ = await insist(command(.release(id), release, event), isImpatient: false)
    case 1:
      let extend = DerivedIdentity.command("extend", about: id, by: customer, key: "more")
      _ = await insist(command(.extend(id), extend, event), isImpatient: random.chance(0.3))
    case 2: break
    default: _ = await poll(id) { $0.status.isFinal }
    }
  }

  /// Sends a command until it is accepted. False if the client gives up before.
  private mutating func insist(_ command: Box<Command>, isImpatient: Bool) async -> Bool {
    while !sale.isOver {
      let answer = await sale.send(command, from: process, gateway: Int(random.next() >> 33))
      if answer == .accepted { return true }
      if isImpatient { return false }
      await world.scheduler.wait(random.pick(20_000...400_000))
    }
    return false
  }

  private mutating func poll(_ id: ReservationID, until isEnough: (ReservationRecord) -> Bool) async -> ReservationRecord? {
    while !sale.isOver {
      let poll = HeadlessGateway.Poll(
        reservation: id, customer: customer, waitingAtMost: random.chance(0.5) ? .seconds(1) : .zero)
      let reading = await sale.read(poll, from: process, gateway: Int(random.next() >> 33))
      if case .found(let record) = reading, isEnough(record) { return record }
      await world.scheduler.wait(random.pick(20_000...300_000))
    }
    return nil
  }
}
