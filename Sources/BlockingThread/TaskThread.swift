/// One operating-system thread as the place where some tasks run, one after the other.
///
/// On the cooperative pool each time that a task goes on wakes another thread, and finds that one asleep again the next time: two or
/// three switches of threads, where tasks that share a thread need one, or none while the thread is busy. That pays for tasks that
/// wait for others' threads all the time. They must not block, and may compute for milliseconds.
///
/// A thread of its own ends with this object, which must outlive its tasks.
public final class TaskThread: TaskExecutor {
  private let thread: BlockingThread
  private let isItsOwn: Bool

  /// Starts the thread. `name` is what `top -H` and a debugger show, cut to 15 bytes.
  public init(name: String) {
    thread = BlockingThread(name: name)
    isItsOwn = true
  }

  /// The thread of an actor, for tasks that call it all the time: they and the actor wait for each other anyhow, and need no switch of
  /// threads for it here. While the actor blocks, none of them goes on. Whoever owns the thread ends it, after these tasks.
  public init(sharing thread: BlockingThread) {
    self.thread = thread
    isItsOwn = false
  }

  deinit { if isItsOwn { thread.finish() } }

  /// Returns after that long, or once the thread has run what waited by then; throws `CancellationError` as soon as the task is cancelled.
  /// For tasks that run on this thread: `Task.sleep` wakes two others.
  public func sleep(for duration: Duration) async throws { try await thread.sleep(for: duration) }

  public func enqueue(_ job: consuming ExecutorJob) {
    thread.enqueue(UnownedJob(job), for: asUnownedTaskExecutor())
  }
}
