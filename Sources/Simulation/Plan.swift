/// What happens in one world, drawn from its seed. A plan can be made smaller by hand, which is how the shortest story is found.
struct Plan {
  /// A fault at a moment, in microseconds.
  struct Incident {
    enum Kind {
      case workerCrashes(Int)
      /// At its n-th call from that moment on; the call is carried out or not.
      case workerCrashesInCall(Int, calls: Int, carriedOut: Bool)
      case workerPauses(Int)
      case workerIsReplaced(Int)
      case workerJoins
      case clockSteps(Int, by: Int64)
      case gatewayCrashes(Int)
      case connectionsAreCut(Int)
      case brokerAway, databaseAway, viewAway
      case queuesFull, topologyBroken
      case viewWiped, viewRestored, recordsExpire
      /// As soon as the next reservations have been put into lists, before what they are is written.
      case viewWipedInMidWrite
    }
    var kind: Kind
    var at: Int64
    /// How long it lasts, where it does.
    var lasting: Int64 = 0
  }

  /// How often one call goes wrong, in one of these ways.
  struct Rates {
    /// The call never arrives.
    var lost = 0.0
    /// It is carried out, and nobody is told.
    var replyLost = 0.0
    /// Its failure is told first, and then it is carried out.
    var late = 0.0
    /// It takes up to seconds.
    var slow = 0.0
  }

  var seed: UInt64
  var partitions: Int
  var events: Int
  var workers: Int
  var gateways: Int
  var clients: [Int]
  var saleLasts: Int64
  var prefetch: Int
  var queueLimit: Int
  /// How many decisions the view catches up with at a time: all in one piece, or in many.
  var catchUpPiece: Int
  var poison: Double
  /// How often a queue refuses a message: one that is at its limit takes some and refuses others.
  var refusals: Double
  var rates: Rates
  var incidents: [Incident]

  /// When the last fault is over.
  var faultsEnd: Int64 {
    // A late call or a slow one may hang over the end of the sale.
    incidents.map { $0.at + $0.lasting }.max() ?? 0
  }

  /// Each kind of fault is either absent from a world or frequent in it: worlds in which everything goes wrong a little all look alike.
  init(seed: UInt64, faultless: Bool = false) {
    var random = SplitMix(seed: seed ^ 0x5EED)
    self.seed = seed
    partitions = Int(random.pick(1...3))
    events = Int(random.pick(1...3))
    workers = Int(random.pick(1...3))
    gateways = Int(random.pick(1...2))
    clients = Array(0..<Int(random.pick(3...14)))
    saleLasts = random.pick(500_000...4_000_000)
    prefetch = Int(random.pick(1...8))
    queueLimit = 1000
    catchUpPiece = [1000, 3, 1][Int(seed % 3)]
    poison = 0
    refusals = 0
    rates = Rates()
    incidents = []
    if faultless || random.chance(0.05) { return }

    if random.chance(0.15) { poison = 0.2 }
    if random.chance(0.3) { rates.lost = 0.03 }
    if random.chance(0.35) { rates.replyLost = 0.05 }
    if random.chance(0.25) { rates.late = 0.03 }
    if random.chance(0.25) { rates.slow = 0.05 }
    if random.chance(0.2) { refusals = 0.3 }
    if random.chance(0.1) { queueLimit = Int(random.pick(2...6)) }
    for _ in 0..<Int(random.pick(0...5)) {
      let kind = Self.incident(workers: workers, gateways: gateways, &random)
      incidents.append(
        Incident(kind: kind, at: random.pick(0...(saleLasts + 1_000_000)), lasting: Self.duration(of: kind, &random)))
    }
  }

  private static func incident(workers: Int, gateways: Int, _ random: inout SplitMix) -> Incident.Kind {
    let worker = Int(random.pick(0...Int64(workers - 1)))
    switch random.pick(0...18) {
    case 0: return .workerCrashes(worker)
    case 1, 2, 3: return .workerCrashesInCall(worker, calls: Int(random.pick(1...12)), carriedOut: random.chance(0.5))
    case 4, 5, 6: return .workerPauses(worker)
    case 7: return .workerIsReplaced(worker)
    case 8: return .workerJoins
    case 9: return .clockSteps(worker, by: random.pick(-World.maximumClockStep...World.maximumClockStep))
    case 10: return .gatewayCrashes(Int(random.pick(0...Int64(gateways - 1))))
    case 11: return .connectionsAreCut(worker)
    case 12: return .brokerAway
    case 13: return .databaseAway
    case 14: return .viewAway
    case 15: return random.chance(0.5) ? .queuesFull : .topologyBroken
    case 16: return random.chance(0.5) ? .viewWiped : .viewWipedInMidWrite
    case 17: return .recordsExpire
    default: return .viewRestored
    }
  }

  private static func duration(of kind: Incident.Kind, _ random: inout SplitMix) -> Int64 {
    switch kind {
    case .workerPauses: random.pick(100_000...6_000_000)
    case .brokerAway, .databaseAway, .viewAway, .queuesFull, .topologyBroken: random.pick(50_000...2_500_000)
    // How long it takes until somebody has started it again.
    case .workerCrashes, .workerCrashesInCall, .workerIsReplaced, .gatewayCrashes: random.pick(10_000...2_000_000)
    default: 0
    }
  }

  /// The same plan with one thing less, in all ways, the largest steps first.
  var smaller: [Plan] {
    var plans: [Plan] = []
    func add(_ change: (inout Plan) -> Void) {
      var plan = self
      change(&plan)
      plans.append(plan)
    }
    if clients.count > 3 {
      let half = clients.count / 2
      add { $0.clients.removeLast(half) }
      add { $0.clients.removeFirst(half) }
    }
    for index in incidents.indices { add { $0.incidents.remove(at: index) } }
    if poison > 0 { add { $0.poison = 0 } }
    if refusals > 0 { add { $0.refusals = 0 } }
    if rates.lost > 0 { add { $0.rates.lost = 0 } }
    if rates.replyLost > 0 { add { $0.rates.replyLost = 0 } }
    if rates.late > 0 { add { $0.rates.late = 0 } }
    if rates.slow > 0 { add { $0.rates.slow = 0 } }
    if clients.count > 1 { for index in clients.indices { add { $0.clients.remove(at: index) } } }
    return plans
  }
}
