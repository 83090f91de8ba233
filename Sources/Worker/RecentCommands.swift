import Ticketing

/// The commands decided lately. It notices the second click without asking the database; what it has forgotten, the journal's unique
/// index notices.
struct RecentCommands {
  /// How many commands are remembered at least; twice as many at most. 16 bytes each, and the set's overhead.
  static let minimum = 16_384

  private var young: Set<CommandID> = []
  private var old: Set<CommandID> = []

  /// Remembers the command; false if it was remembered already.
  mutating func insert(_ command: CommandID) -> Bool {
    if old.contains(command) { return false }
    if young.count >= Self.minimum {
      old = young
      young = Set(minimumCapacity: Self.minimum)
    }
    return young.insert(command).inserted
  }

  mutating func removeAll() {
    young = []
    old = []
  }
}
