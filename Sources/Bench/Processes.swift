import Foundation
import Glibc

/// What a process and its descendants have taken of the machine.
struct Usage: Equatable {
  /// Seconds of CPU time, in user and system mode. Children that have ended and were waited for are in it.
  var cpu: Double
  /// Bytes of memory that are resident.
  var memory: Int
}

/// The processes of a running TicketHub, by role.
struct Processes {
  /// Their main processes: "gateway", "worker-1", "postgres" and so on.
  var roles: [(role: String, pid: pid_t)]

  /// CPU seconds by role, with all descendants; PostgreSQL has a process a connection.
  func cpu() -> [String: Double] {
    let tree = ProcessTree()
    return Dictionary(roles.map { ($0.role, tree.usage(of: $0.pid).cpu) }, uniquingKeysWith: +)
  }

  func memory(of role: String) -> Int? {
    let tree = ProcessTree()
    return roles.first { $0.role == role }.map { tree.usage(of: $0.pid).memory }
  }
}

/// CPU seconds of this process: the generator, and the clients that it measures others with.
func ownCPU() -> Double {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// All processes of this moment, as `/proc` tells of them.
private struct ProcessTree {
  private struct Process {
    var cpu: Double
    var memory: Int
  }

  private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
  private static let pageSize = sysconf(Int32(_SC_PAGESIZE))

  private var processes: [pid_t: Process] = [:]
  private var children: [pid_t: [pid_t]] = [:]

  init() {
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
      guard let pid = pid_t(entry), let fields = Self.statistics(of: pid), let parent = pid_t(fields[1]) else { continue }
      // proc(5): utime, stime, cutime and cstime are its fields 14 to 17, rss is 24; `fields` begins with the third.
      let ticks = fields[11...14].reduce(0) { $0 + (Double($1) ?? 0) }
      processes[pid] = Process(cpu: ticks / Self.ticksPerSecond, memory: (Int(fields[21]) ?? 0) * Self.pageSize)
      children[parent, default: []].append(pid)
    }
  }

  func usage(of root: pid_t) -> Usage {
    var usage = Usage(cpu: 0, memory: 0)
    var pending = [root]
    while let pid = pending.popLast() {
      guard let process = processes[pid] else { continue }
      usage.cpu += process.cpu
      usage.memory += process.memory
      pending += children[pid] ?? []
    }
    return usage
  }

  /// The fields after the name, which may have anything in it.
  private static func statistics(of pid: pid_t) -> [Substring]? {
    guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    return fields.count > 21 ? fields : nil
  }
}
