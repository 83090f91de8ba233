import Glibc
import Synchronization

/// Runs all tasks of a simulated world on one thread, in an order that the seed chooses, and lets time pass only when there is nothing
/// left to do: then it jumps to the next timer.
///
/// Everything else of a world is touched by jobs of this executor only, one after the other, which is why the simulation's classes
/// may call themselves sendable.
final class Scheduler: TaskExecutor, @unchecked Sendable {
  /// Simulated microseconds since the world began.
  private(set) var now: Int64 = 0
  private var random: SplitMix
  // Locked, since at the end of a world a library may hand a task back from a thread of its own.
  private let ready = Mutex<[UnownedJob]>([])
  private var timers = TimerHeap()
  private var actions: [UInt64: () -> Void] = [:]
  private var lastTimer: UInt64 = 0
  /// How many jobs have run.
  private(set) var jobs = 0

  init(seed: UInt64) { random = SplitMix(seed: seed) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    ready.withLock { $0.append(job) }
  }

  /// Does something at a moment.
  @discardableResult
  func at(_ time: Int64, _ action: @escaping () -> Void) -> UInt64 {
    lastTimer += 1
    actions[lastTimer] = action
    // Of two things that happen in the same microsecond, the seed says which is first.
    timers.insert(TimerHeap.Entry(due: max(time, now), tie: random.next(), id: lastTimer))
    return lastTimer
  }

  /// Does it now, if it has not been done.
  func fire(_ timer: UInt64) { actions.removeValue(forKey: timer)?() }

  /// Returns after so many microseconds, cancelled or not.
  func wait(_ microseconds: Int64) async {
    await withUnsafeContinuation { continuation in at(now + microseconds) { continuation.resume() } }
  }

  /// As `Task.sleep` does.
  func sleep(_ microseconds: Int64) async throws {
    let timer = Box<UInt64?>(nil)
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        if Task.isCancelled { return continuation.resume() }
        timer.value = at(now + microseconds) { continuation.resume() }
      }
    } onCancel: {
      if let id = timer.value { fire(id) }
    }
    try Task.checkCancellation()
  }

  /// Runs until `isOver` says so, or nothing is left that could happen.
  func run(until isOver: () -> Bool) {
    while !isOver() {
      if runOne() { continue }
      guard let next = timers.removeFirst() else { return }
      guard let action = actions.removeValue(forKey: next.id) else { continue }
      now = next.due
      action()
    }
  }

  /// Runs what is left of a world while other threads may still hand tasks back.
  func drain(while isWaiting: () -> Bool) {
    var idle = 0
    while isWaiting() && idle < 10_000 {
      run(until: { false })
      idle += 1
      sched_yield()
    }
  }

  private func runOne() -> Bool {
    let job: UnownedJob? = ready.withLock { ready in
      guard let last = ready.popLast() else { return nil }
      let index = Int(random.next() % UInt64(ready.count + 1))
      if index == ready.count { return last }
      let chosen = ready[index]
      ready[index] = last
      return chosen
    }
    guard let job else { return false }
    jobs += 1
    job.runSynchronously(on: asUnownedTaskExecutor())
    return true
  }
}

/// Something that several closures of one world share.
final class Box<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}

/// SplitMix64: the same seed gives the same numbers, everywhere.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// True so often.
  mutating func chance(_ probability: Double) -> Bool { probability > 0 && Double(next() >> 11) * 0x1p-53 < probability }

  mutating func pick(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &self) }
}

/// What is to happen, the earliest on top.
private struct TimerHeap {
  struct Entry {
    var due: Int64
    var tie: UInt64
    var id: UInt64
    func isBefore(_ other: Entry) -> Bool { due != other.due ? due < other.due : tie < other.tie }
  }

  private var entries: [Entry] = []

  mutating func insert(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0, entries[child].isBefore(entries[(child - 1) / 2]) {
      entries.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func removeFirst() -> Entry? {
    guard let first = entries.first, let last = entries.popLast() else { return nil }
    if entries.isEmpty { return first }
    entries[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count && entries[child].isBefore(entries[least]) {
        least = child
      }
      if least == parent { return first }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}
