import Glibc

/// How many files and connections the process may have open, be it a server or, as a load test, thousands of clients.
package enum DescriptorLimit {
  /// Of a server, for all but clients' connections: those to other servers, logs, event loops. And for clients that are accepted beyond
  /// the limit.
  private static let reserve = 100 + Limits.accepted

  /// Raises the process's own limit to what the system allows it. Gives how many connections of clients a server has room for.
  ///
  /// A server that runs into the limit is told of the next connection again and again, and can't take it.
  @discardableResult
  package static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return Limits.connections }
    var raised = limit
    raised.rlim_cur = limit.rlim_max
    if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
    return connections(descriptors: limit.rlim_cur)
  }

  static func connections(descriptors: rlim_t) -> Int {
    min(Limits.connections, max(1, Int(clamping: descriptors) - reserve))
  }
}
