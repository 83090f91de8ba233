import Pipeline

/// Which worker consumes which partition: a function of who lives and nothing else, so that all workers come to the same answer.
enum Assignment {
  /// The share of `worker`, in ascending order. Shares differ by one partition at most, and a worker that comes or goes moves
  /// hardly more partitions than it must: each partition prefers the workers in an order of its own (rendezvous hashing) and gets
  /// the first that has room.
  static func share(of worker: WorkerID, among members: [WorkerID], partitions: Int) -> [Int] {
    guard members.contains(worker) else { return [] }
    let members = members.sorted()
    let fair = partitions / members.count
    var withOneMore = partitions % members.count
    var load = [WorkerID: Int](minimumCapacity: members.count)
    var share: [Int] = []
    for partition in 0..<partitions {
      let preferred = members.sorted { preference(partition, $0) > preference(partition, $1) }
      let chosen = preferred.first { load[$0, default: 0] < fair || load[$0, default: 0] == fair && withOneMore > 0 }
      guard let chosen else { preconditionFailure("\(partition) of \(partitions) partitions finds no room in \(load)") }
      if load[chosen, default: 0] == fair { withOneMore -= 1 }
      load[chosen, default: 0] += 1
      if chosen == worker { share.append(partition) }
    }
    return share
  }

  private static func preference(_ partition: Int, _ worker: WorkerID) -> UInt64 {
    // SplitMix64's finaliser: neighbouring partitions must not prefer the same worker.
    var value = UInt64(truncatingIfNeeded: worker) ^ UInt64(truncatingIfNeeded: worker >> 64)
    value = (value &+ UInt64(partition)) &* 0x9E37_79B9_7F4A_7C15
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
