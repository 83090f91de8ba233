import CEpoll
import Glibc

/// Tells which of many sockets have something to read.
final class Epoll {
  private let descriptor: Int32
  private var events = [epoll_event](repeating: epoll_event(), count: 256)

  init() throws(BenchFailure) {
    descriptor = epoll_create1(EPOLL_CLOEXEC)
    guard descriptor >= 0 else { throw BenchFailure("no epoll: \(String(cString: strerror(errno)))") }
  }

  deinit { close(descriptor) }

  /// Watches a socket, under a number, until it is closed.
  func watch(_ socket: Int32, as number: Int) throws(BenchFailure) {
    var event = epoll_event(events: UInt32(EPOLLIN), data: UInt64(number))
    guard epoll_ctl(descriptor, EPOLL_CTL_ADD, socket, &event) == 0 else {
      throw BenchFailure("a connection can't be watched: \(String(cString: strerror(errno)))")
    }
  }

  /// Waits for at most so long, which is less than a second.
  /// - Returns: how many sockets can be read; ``subscript(_:)`` gives their numbers.
  func wait(nanoseconds: Int64) -> Int {
    var timeout = timespec(tv_sec: 0, tv_nsec: Int(nanoseconds))
    return max(0, Int(epoll_pwait2(descriptor, &events, Int32(events.count), &timeout, nil)))
  }

  subscript(_ index: Int) -> Int { Int(events[index].data) }
}
