import CPoll
import Glibc
import Synchronization

/// One operating-system thread as a serial executor: the place where blocking C calls run.
///
/// Swift's cooperative pool has as many threads as the machine has cores; a C call that waits on one of them stalls every other
/// task of the process. An actor that returns a `BlockingThread` from `unownedExecutor` runs all its code on that thread instead,
/// and may block there. Entering such an actor costs a switch of threads (5 to 12 µs), so pass it batches.
///
/// A thread can also watch one file descriptor between jobs: ``watch(_:every:_:)``. That is how a client notices frames,
/// notifications and heartbeats that nobody is calling for.
///
/// The thread lives until ``finish()``; the actor that owns it calls that in its `isolated deinit`.
public final class BlockingThread: SerialExecutor {
  /// A job, and the executor on behalf of which it runs if that is not the thread itself.
  private struct Job {
    var job: UnownedJob
    var executor: UnownedTaskExecutor?
  }

  /// A task that sleeps.
  private struct Sleeper {
    var number: Int
    var end: ContinuousClock.Instant
    var continuation: CheckedContinuation<Void, any Error>
  }

  private struct Shared {
    var jobs: [Job] = []
    var sleepers: [Sleeper] = []
    /// How many tasks have slept.
    var sleeps = 0
    var sleeping = false
    var finished = false
  }

  /// What the thread does between jobs. Touched on the thread only.
  private struct Watch {
    var fileDescriptor: CInt
    var interval: Duration
    var handler: () -> Void
    var due: ContinuousClock.Instant
  }

  private let name: String
  private let shared = Mutex(Shared())
  /// The two ends of a pipe: a byte in it ends a sleep in `poll`.
  private let wakeUp: CInt
  private let wakeUpWriter: CInt
  // Sound because only code that runs on this very thread reads or writes it: `run` does, and `watch` has it as its precondition.
  nonisolated(unsafe) private var watched: Watch?
  nonisolated(unsafe) private var threadID = pthread_t()

  /// Starts the thread. `name` is what `top -H` and a debugger show, cut to 15 bytes.
  public init(name: String) {
    self.name = name
    var ends: [CInt] = [-1, -1]
    let piped = pipe(&ends)
    precondition(piped == 0, "no file descriptor left for a thread's wake-up (errno \(errno))")
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    (wakeUp, wakeUpWriter) = (ends[0], ends[1])
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    defer { pthread_attr_destroy(&attributes) }
    let started = pthread_create(
      &threadID, &attributes,
      { argument in
        Unmanaged<BlockingThread>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    precondition(started == 0, "the system gave no thread (error \(started))")
  }

  deinit {
    close(wakeUp)
    close(wakeUpWriter)
  }

  public func enqueue(_ job: consuming ExecutorJob) { enqueue(UnownedJob(job), for: nil) }

  /// - Parameter executor: what the job was given to, where that is not the thread itself.
  func enqueue(_ job: UnownedJob, for executor: UnownedTaskExecutor?) {
    let job = Job(job: job, executor: executor)
    let mustWake = shared.withLock { shared in
      shared.jobs.append(job)
      defer { shared.sleeping = false }
      return shared.sleeping
    }
    if mustWake { wake() }
  }

  public func isIsolatingCurrentContext() -> Bool? { isCurrent }

  public func checkIsolated() {
    precondition(isCurrent, "called on another thread than the one that owns the C handle")
  }

  private var isCurrent: Bool { pthread_equal(pthread_self(), threadID) != 0 }

  /// From now on calls `handler` on this thread whenever `fileDescriptor` is readable and no job waits, and once `interval` has
  /// passed since the last time, however busy the thread is. Replaces an earlier watch. Must be called on this thread.
  public func watch(_ fileDescriptor: CInt, every interval: Duration, _ handler: @escaping () -> Void) {
    checkIsolated()
    watched = Watch(fileDescriptor: fileDescriptor, interval: interval, handler: handler, due: .now + interval)
  }

  /// Ends the watch. Must be called on this thread.
  public func unwatch() {
    checkIsolated()
    watched = nil
  }

  /// Returns after that long, or when the thread has run what waited by then; throws `CancellationError` as soon as the task is
  /// cancelled. For tasks that run on this thread it costs no switch of threads.
  func sleep(for duration: Duration) async throws {
    let end = ContinuousClock.now + duration
    let number = shared.withLock { shared in
      shared.sleeps += 1
      return shared.sleeps
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let mustWake: Bool? = shared.withLock { shared in
          // A cancellation from now on finds the sleeper; one from before is seen here.
          if Task.isCancelled { return nil }
          shared.sleepers.append(Sleeper(number: number, end: end, continuation: continuation))
          defer { shared.sleeping = false }
          return shared.sleeping
        }
        guard let mustWake else { return continuation.resume(throwing: CancellationError()) }
        if mustWake { wake() }
      }
    } onCancel: {
      let sleeper = shared.withLock { shared in
        shared.sleepers.firstIndex { $0.number == number }.map { shared.sleepers.remove(at: $0) }
      }
      sleeper?.continuation.resume(throwing: CancellationError())
    }
  }

  /// Lets the thread end once the jobs that wait have run, and nobody sleeps any more.
  public func finish() {
    shared.withLock { $0.finished = true }
    wake()
  }

  private func wake() {
    var byte: UInt8 = 1
    // EAGAIN would mean that the pipe is full, so the thread is awake anyhow.
    _ = write(wakeUpWriter, &byte, 1)
  }

  private enum Next {
    case awaken([Sleeper])
    case jobs([Job])
    /// Until then, if nothing happens before.
    case sleep(ContinuousClock.Instant?)
    case end
  }

  private func run() {
    setName()
    while true {
      switch next() {
      case .awaken(let sleepers):
        for sleeper in sleepers { sleeper.continuation.resume() }
      case .jobs(let jobs):
        for job in jobs { run(job) }
        if let watched, watched.due <= .now { callHandler() }
      case .sleep(let end):
        if sleep(until: end) { callHandler() }
      case .end:
        watched = nil
        return
      }
    }
  }

  private func run(_ job: Job) {
    if let executor = job.executor {
      job.job.runSynchronously(on: executor)
    } else {
      job.job.runSynchronously(on: asUnownedSerialExecutor())
    }
  }

  /// Through /proc, since `pthread_setname_np` is not in Glibc's module. Cosmetic, so a failure is ignored.
  private func setName() {
    let comm = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard comm >= 0 else { return }
    defer { close(comm) }
    let bytes = Array(name.utf8.prefix(15))
    _ = write(comm, bytes, bytes.count)
  }

  private func next() -> Next {
    shared.withLock { shared in
      let end = shared.sleepers.lazy.map(\.end).min()
      if let end {
        let now = ContinuousClock.now
        if end <= now {
          defer { shared.sleepers.removeAll { $0.end <= now } }
          return .awaken(shared.sleepers.filter { $0.end <= now })
        }
      }
      if !shared.jobs.isEmpty {
        var jobs: [Job] = []
        swap(&jobs, &shared.jobs)
        return .jobs(jobs)
      }
      if shared.finished && shared.sleepers.isEmpty { return .end }
      shared.sleeping = true
      return .sleep(end)
    }
  }

  /// Waits for a job, for what is watched, or until then; says whether the watch's handler is due.
  private func sleep(until end: ContinuousClock.Instant?) -> Bool {
    var descriptors = [
      pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
      pollfd(fd: watched?.fileDescriptor ?? -1, events: Int16(POLLIN), revents: 0),
    ]
    if let end = [end, watched?.due].compactMap(\.self).min() {
      var time = timespec(max(.zero, end - .now))
      _ = ppoll(&descriptors, 2, &time, nil)
    } else {
      _ = ppoll(&descriptors, 2, nil, nil)
    }
    shared.withLock { $0.sleeping = false }
    if descriptors[0].revents != 0 {
      var bytes: (UInt64, UInt64) = (0, 0)
      _ = read(wakeUp, &bytes, 16)
    }
    guard let watched else { return false }
    return descriptors[1].revents != 0 || watched.due <= .now
  }

  private func callHandler() {
    guard let interval = watched?.interval else { return }
    watched?.due = .now + interval
    watched?.handler()
  }
}

extension timespec {
  /// Rounded up, so that a sleep never ends just before what it waited for.
  fileprivate init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let nanoseconds = (attoseconds + 999_999_999) / 1_000_000_000
    self.init(tv_sec: Int(seconds + nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
  }
}
