import Gateway
import Pipeline
import Ticketing

/// A line for each, under a heading.
func table(_ letters: [KeptDeadLetter]) -> String {
  let lines = [["ID", "SINCE", "STATUS", "PARTITION", "ATTEMPTS", "COMMAND", "REASON"]] + letters.map(row)
  let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
  return lines.map { line in
    var text = ""
    for (cell, width) in zip(line.dropLast(), widths) { text += padded(cell, to: width + 2) }
    // The last column is of any width.
    return text + line[line.count - 1]
  }.joined(separator: "\n")
}

private func row(_ kept: KeptDeadLetter) -> [String] {
  let command = kept.letter.queuedCommand.map { name(of: $0.command.action) } ?? "unreadable"
  return [
    "\(kept.id)", kept.deadAt.rfc3339, kept.status.name, "\(kept.letter.partition)", "\(kept.letter.attempts)", command,
    kept.letter.reason,
  ]
}

private func padded(_ text: String, to width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

/// Everything about one, and its bytes.
func description(of kept: KeptDeadLetter) -> String {
  var facts: [(String, String)] = [
    ("id", "\(kept.id)"), ("since", kept.deadAt.rfc3339), ("status", status(of: kept)),
    ("partition", "\(kept.letter.partition)"), ("attempts", "\(kept.letter.attempts)"), ("reason", kept.letter.reason),
  ]
  if let command = kept.letter.queuedCommand?.command {
    facts += [
      ("command", "\(name(of: command.action)) \(command.id)"), ("event", "\(command.event)"),
      ("reservation", "\(command.reservation)"), ("accepted", command.acceptedAt.rfc3339),
    ]
    if let request = command.request {
      facts += [("customer", "\(request.customer)"), ("tickets", "\(request.selection.quantity)")]
    }
  }
  facts.append(("bytes", "\(kept.letter.payload.count)"))
  let width = facts.map { $0.0.count }.max() ?? 0
  let lines = facts.map { name, value in padded(name, to: width + 2) + value }
  return lines.joined(separator: "\n") + "\n\n" + dump(kept.letter.payload)
}

private func status(of kept: KeptDeadLetter) -> String {
  switch kept.status {
  case .dead, .replayed, .discarded: kept.status.name
  case .replaying: "dead; a replay was begun and not confirmed, and can be repeated"
  case .discarding: "dead; discarding was begun and not confirmed, and can be repeated"
  }
}

private func name(of action: Command.Action) -> String {
  switch action {
  case .reserve: "reserve"
  case .extend: "extend"
  case .release: "release"
  case .expire: "expire"
  case .discard: "discard"
  }
}

/// As `hexdump` shows bytes: 16 a line, and what is ASCII in them.
private func dump(_ bytes: [UInt8]) -> String {
  stride(from: 0, to: bytes.count, by: 16).map { start in
    let line = bytes[start..<min(start + 16, bytes.count)]
    let codes = line.map { hexadecimal(Int($0), digits: 2) }.joined(separator: " ")
    let text = String(decoding: line.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
    return "\(hexadecimal(start, digits: 6))  \(padded(codes, to: 49))\(text)"
  }.joined(separator: "\n")
}

private func hexadecimal(_ number: Int, digits: Int) -> String {
  let text = String(number, radix: 16)
  return String(repeating: "0", count: max(0, digits - text.count)) + text
}
