import Pipeline
import Ticketing

/// What clients sent, what they were told, and what they saw.
final class History: @unchecked Sendable {
  /// How a command was answered.
  enum Answer: Int64 {
    case accepted, keyReused, refused, unknown
    /// The gateway died, or could not be reached.
    case none
  }

  struct Sent {
    var command: Command
    var answers: [Answer] = []
    /// Answers that are still to come.
    var underWay = 0
    var isAccepted: Bool { answers.contains(.accepted) }
    /// Whether the client knows for certain that it was never queued.
    var isRefused: Bool { underWay == 0 && answers.allSatisfy { $0 == .refused } }
  }

  private(set) var sent: [CommandID: Sent] = [:]
  /// By reservation, what was shown of it, in order.
  private(set) var seen: [ReservationID: [ReservationRecord]] = [:]
  /// Accepted reservations that were not found afterwards.
  private(set) var missed: [ReservationID] = []

  func begin(_ command: Command) { sent[command.id, default: Sent(command: command)].underWay += 1 }

  func end(_ command: Command, _ answer: Answer) {
    sent[command.id]?.underWay -= 1
    sent[command.id]?.answers.append(answer)
  }

  func see(_ record: ReservationRecord) { seen[record.id, default: []].append(record) }
  func miss(_ id: ReservationID) { missed.append(id) }

  /// In an order that does not change.
  var commands: [Sent] { sent.values.sorted { $0.command.id < $1.command.id } }
}
