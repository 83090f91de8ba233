import Pipeline
import TestSupport
import TicketHubTestSupport

/// Something that goes wrong, and is over after a while.
enum Fault: Hashable, Sendable {
  case killWorker, suspendWorker, endWorker
  case killGateway, suspendGateway, endGateway
  /// A worker, or gateway, that dies or hangs at a certain place.
  case crash(Failpoint), hang(Failpoint)
  case scaleWorkers
  case kill(TestServer.Kind), suspend(TestServer.Kind), restart(TestServer.Kind)
  case stall(TicketHub.Link), swallowReplies(TicketHub.Link), cut(TicketHub.Link)
  case emptyView
  case endDatabaseSessions
  case memoryAlarm, diskAlarm
  case fullQueues
  case deleteBindings, deleteQueue
  case restartEverything

  static let all: [Fault] = ofProcesses + ofServers + ofLinks + [.restartEverything]

  static let ofProcesses: [Fault] =
    [.killWorker, .suspendWorker, .endWorker, .killGateway, .suspendGateway, .endGateway, .scaleWorkers]
    + Failpoint.allCases.flatMap { [.crash($0), .hang($0)] }

  static let ofServers: [Fault] =
    TestServer.Kind.allCases.flatMap { [.kill($0), .suspend($0), .restart($0)] }
    + [.emptyView, .endDatabaseSessions, .memoryAlarm, .diskAlarm, .fullQueues, .deleteBindings, .deleteQueue]

  static let ofLinks: [Fault] = TicketHub.Role.allCases.flatMap { role in
    TestServer.Kind.allCases.map { TicketHub.Link(from: role, to: $0) }
  }.flatMap { link -> [Fault] in [.stall(link), .swallowReplies(link), .cut(link)] }

  /// What it happens to: two faults never happen to the same at the same time, since each ends by making it whole.
  var victims: Set<String> {
    switch self {
    case .killWorker, .suspendWorker, .endWorker: []
    case .crash(.beforeAnswer), .hang(.beforeAnswer), .killGateway, .suspendGateway, .endGateway: ["gateway"]
    case .crash, .hang, .scaleWorkers: ["workers"]
    case .kill(let kind), .suspend(let kind), .restart(let kind): [kind.rawValue]
    case .stall(let link), .swallowReplies(let link), .cut(let link): ["\(link)"]
    case .emptyView: ["redis"]
    case .endDatabaseSessions: ["postgres"]
    case .memoryAlarm, .diskAlarm, .fullQueues: ["rabbitmq"]
    // What is in a queue that is deleted is lost: everybody must be idle.
    case .deleteBindings, .deleteQueue: ["rabbitmq", "workers", "gateway"]
    case .restartEverything: ["gateway", "workers", "postgres", "rabbitmq", "redis"]
    }
  }
}

extension Fault: CustomStringConvertible {
  var description: String {
    switch self {
    case .killWorker: "kill a worker"
    case .suspendWorker: "suspend a worker"
    case .endWorker: "replace a worker"
    case .killGateway: "kill a gateway"
    case .suspendGateway: "suspend a gateway"
    case .endGateway: "replace a gateway"
    case .crash(let place): "crash at \(place.rawValue)"
    case .hang(let place): "hang at \(place.rawValue)"
    case .scaleWorkers: "scale the workers"
    case .kill(let kind): "kill \(kind)"
    case .suspend(let kind): "suspend \(kind)"
    case .restart(let kind): "restart \(kind)"
    case .stall(let link): "stall \(link)"
    case .swallowReplies(let link): "lose the replies of \(link)"
    case .cut(let link): "cut \(link)"
    case .emptyView: "FLUSHALL"
    case .endDatabaseSessions: "end all database sessions"
    case .memoryAlarm: "memory alarm"
    case .diskAlarm: "disk alarm"
    case .fullQueues: "full queues"
    case .deleteBindings: "delete all bindings"
    case .deleteQueue: "delete a queue"
    case .restartEverything: "rolling restart of everything"
    }
  }
}
