import Foundation
import Glibc

/// A process and all its descendants, as they are at this moment; the process itself first.
func processTree(of root: pid_t) -> [pid_t] {
  var children: [pid_t: [pid_t]] = [:]
  for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
    if let pid = pid_t(entry), let fields = statFields(of: pid), let parent = pid_t(fields[1]) {
      children[parent, default: []].append(pid)
    }
  }
  var tree = [root]
  var next = 0
  while next < tree.count {
    tree += children[tree[next]] ?? []
    next += 1
  }
  return tree
}

/// Whether a process exists and still runs; a zombie does not.
func isAlive(_ pid: pid_t) -> Bool {
  guard let state = statFields(of: pid)?.first else { return false }
  return state != "Z" && state != "X"
}

/// Whether a process is stopped by a signal.
func isStopped(_ pid: pid_t) -> Bool {
  statFields(of: pid)?.first == "T"
}

/// The fields of `/proc/PID/stat` after the name, which may contain anything: state, parent, …
private func statFields(of pid: pid_t) -> [Substring]? {
  guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
  let text = String(decoding: bytes, as: UTF8.self)
  guard let end = text.lastIndex(of: ")") else { return nil }
  let fields = text[text.index(after: end)...].split(separator: " ")
  return fields.count > 2 ? fields : nil
}
