import Logging
import Pipeline
import Telemetry
import Ticketing

/// Takes commands into the queue. Those that come at the same moment share their round trips to Redis and RabbitMQ, and their message.
struct Intake: Sendable {
  /// How many requests are taken in together at most.
  private static let maximumBatch = CommandMessage.maximumCommands
  /// Requests that wait in this process for their turn, at most.
  private static let maximumWaiting = 20_000
  /// How long the one at the head of a long line of them may have waited before others are refused: where more come than can be queued,
  /// waiting longer would only make everybody late.
  private static let patience = Duration.milliseconds(30)
  /// For how long it may take longer than that: a spike is absorbed.
  private static let spike = Duration.milliseconds(300)
  /// The longest rest between two batches. A batch takes a millisecond of processor time over all processes, however many are in it.
  /// What the rest brings is measured in runbooks/performance.md.
  private static let longestRest = Duration.milliseconds(6)
  /// Commands that may wait in a partition: ten minutes of work for one worker on a small machine.
  private static let maximumBacklog: Int64 = 2_000_000
  /// For how long a note is good. If the view was emptied after it was made, a worker waits for longer than this before it marks the
  /// queue; what is queued later than the mark must be noted again.
  private static let noteLasts = Duration.milliseconds(90)

  /// A command and, if it asks for a reservation, for which tickets.
  private struct Entry: Sendable {
    var command: Command
    var partition: Int
  }

  /// What became of a command.
  enum Answer: Sendable {
    /// It is in the queue, or was before. The reservation as it stands, if the command asks for one.
    // Indirect, since a record is large and an answer is handed on half a dozen times.
    indirect case accepted(ReservationRecord?, Progress?, isReplay: Bool)
    /// The key was used for another request.
    case keyReused
    case refused(Progress?, backlog: Int64)
    case unavailable
    case unknown
  }

  private let coalescer: Coalescer<Entry, Answer>
  private let counts: Counts

  /// - Parameter executor: where batches are made and wait. Not the connections' event loops: with thousands of connections that ask,
  ///   each of a batch's steps would wait until it is its turn among them.
  init(
    view: any ReservationView, unnoted: UnnotedPartitions, publisher: any CommandPublisher, metrics: MetricRegistry,
    time: Timekeeper, executor: any TaskExecutor, logger: Logger
  ) {
    let process = Process(view: view, unnoted: unnoted, publisher: publisher, time: time, logger: logger, probes: BacklogProbes())
    let counts = Counts(metrics)
    self.counts = counts
    coalescer = Coalescer(
      maximumBatch: Self.maximumBatch, maximumWaiting: Self.maximumWaiting, patience: Self.patience, spike: Self.spike,
      longestRest: Self.longestRest, executor: executor, time: time
    ) { entries in
      let answers = await process.take(entries)
      counts.batches.add()
      for answer in answers { counts.note(answer) }
      return answers
    }
  }

  /// Whether more wait than can be taken.
  var isFull: Bool { coalescer.isFull }

  /// Counts a request that is refused before anything is known of it.
  func shed() { counts.shed.add() }

  /// Returns once the broker holds the command, or it is clear that it doesn't or that nobody knows.
  func take(_ command: Command, partition: Int) async -> Answer {
    if let answer = await coalescer.submit(Entry(command: command, partition: partition)) { return answer }
    shed()
    return .refused(nil, backlog: 0)
  }

  private struct Counts: Sendable {
    let batches: Counter
    let shed: Counter
    private let accepted: Counter
    private let replayed: Counter
    private let keyReused: Counter
    private let refused: Counter
    private let unavailable: Counter
    private let unknown: Counter

    init(_ metrics: MetricRegistry) {
      func counter(_ outcome: String) -> Counter {
        metrics.counter(
          "tickethub_intake_commands_total", help: "Commands by what became of them.", labels: [("outcome", outcome)])
      }
      batches = metrics.counter("tickethub_intake_batches_total", help: "Batches in which commands were taken in.")
      (accepted, replayed, keyReused) = (counter("accepted"), counter("replayed"), counter("key_reused"))
      (refused, unavailable, unknown) = (counter("refused"), counter("unavailable"), counter("unknown"))
      shed = counter("shed")
    }

    func note(_ answer: Answer) {
      switch answer {
      case .accepted(_, _, let isReplay): (isReplay ? replayed : accepted).add()
      case .keyReused: keyReused.add()
      case .refused: refused.add()
      case .unavailable: unavailable.add()
      case .unknown: unknown.add()
      }
    }
  }

  /// One batch on its way: places in the line, notes in the view, the queue.
  private struct Process: Sendable {
    let view: any ReservationView
    let unnoted: UnnotedPartitions
    let publisher: any CommandPublisher
    let time: Timekeeper
    let logger: Logger
    let probes: BacklogProbes

    func take(_ entries: [Entry]) async -> [Answer] {
      // By partition, which entries are for it.
      let shares = Dictionary(grouping: entries.indices) { entries[$0].partition }
      let places = await placesInLine(shares)
      var queued = entries.map { QueuedCommand($0.command, ordinal: 0) }
      var answers = [Answer?](repeating: nil, count: entries.count)
      for (partition, place) in places {
        let share = shares[partition] ?? []
        var ordinal = place.first
        for index in share where ordinal != 0 {
          queued[index].ordinal = ordinal
          ordinal += 1
        }
        let backlog = place.progress.ahead(of: place.first)
        for index in share where backlog > Intake.maximumBacklog {
          if !probes.mayPass(partition, at: time.now()) { answers[index] = .refused(place.progress, backlog: backlog) }
        }
      }
      let records = queued.map(\.reservation)
      let noted = records.indices.filter { answers[$0] == nil && records[$0]?.ordinal ?? 0 != 0 }
      let began = time.now()
      let notes = await note(noted, of: records)
      // Perhaps half of a note was made: whoever shows the decision must not rely on it.
      if notes == nil { for index in noted { queued[index].ordinal = 0 } }
      let existing = notes ?? [:]
      for (index, known) in existing {
        if known.request != records[index]?.request {
          answers[index] = .keyReused
        } else if known.status != .queued {
          answers[index] = .accepted(known, places[entries[index].partition]?.progress, isReplay: true)
        }
        // What is queued may have been noted by a gateway that died before it was queued, so it is queued again; the worker sees that
        // it is the same. It was accepted when it was first asked for, and is in its customer's list by that time.
        else {
          queued[index].command.acceptedAt = known.createdAt
        }
      }
      await publish(queued, shares, places, &answers) { index, progress in
        let known = existing[index]
        return .accepted(known ?? records[index], progress, isReplay: known != nil)
      }
      if time.now() - began > Intake.noteLasts {
        _ = await note(noted.filter { if case .accepted = answers[$0] { true } else { false } }, of: records)
      }
      await unnoted.add(
        Set(
          entries.indices.filter { index in
            guard queued[index].ordinal == 0, records[index] != nil else { return false }
            return switch answers[index] {
            case .accepted, .unknown: true
            default: false
            }
          }.map { entries[$0].partition }))
      Failpoint.beforeAnswer.pass()
      await withdraw(noted, answers) { existing[$0] ?? records[$0] }
      return answers.map { $0 ?? .unknown }
    }

    private func placesInLine(_ shares: [Int: [Int]]) async -> [Int: Places] {
      do throws(ViewUnavailable) {
        let places = try await view.takePlaces(shares.mapValues(\.count))
        await unnoted.tellView()
        return places
      } catch {
        // Without the view nobody is told their place; they are queued all the same.
        return [:]
      }
    }

    /// Notes reservations as queued, and gives those that were known before, by their index; nil if nobody knows what was noted.
    private func note(_ indices: [Int], of records: [ReservationRecord?]) async -> [Int: ReservationRecord]? {
      if indices.isEmpty { return [:] }
      do throws(ViewUnavailable) {
        let known = try await view.note(indices.compactMap { records[$0] })
        return Dictionary(uniqueKeysWithValues: zip(indices, known).compactMap { index, known in known.map { (index, $0) } })
      } catch {
        logger.warning("reservations are queued without a note", metadata: ["reason": "\(error)"])
        return nil
      }
    }

    /// Queues what has no answer yet, a message a partition.
    private func publish(
      _ queued: [QueuedCommand], _ shares: [Int: [Int]], _ places: [Int: Places], _ answers: inout [Answer?],
      accepted: (Int, Progress?) -> Answer
    ) async {
      let open = shares.mapValues { share in share.filter { answers[$0] == nil } }.filter { !$0.value.isEmpty }
      if open.isEmpty { return }
      let outcomes = await publisher.publish(open.mapValues { share in share.map { queued[$0] } })
      for (partition, share) in open {
        let (outcome, progress) = (outcomes[partition], places[partition]?.progress)
        for index in share {
          answers[index] =
            switch outcome {
            case .queued: accepted(index, progress)
            case .refused: .refused(nil, backlog: 0)
            case .unavailable: .unavailable
            case .unknown, nil: .unknown
            }
        }
      }
    }

    /// What is certainly not queued must not look as if it were.
    private func withdraw(_ indices: [Int], _ answers: [Answer?], record: (Int) -> ReservationRecord?) async {
      let noted = indices.compactMap { index in
        switch answers[index] {
        case .refused, .unavailable: record(index)
        default: nil
        }
      }
      if noted.isEmpty { return }
      do throws(ViewUnavailable) {
        try await view.withdraw(noted)
      } catch {
        logger.warning("notes of refused reservations stay", metadata: ["count": "\(noted.count)", "reason": "\(error)"])
      }
    }
  }
}

extension QueuedCommand {
  /// The reservation that the command asks for, as it is noted; nil for other commands.
  fileprivate var reservation: ReservationRecord? {
    guard case .reserve(let request) = command.action else { return nil }
    return ReservationRecord(queued: self, request: request)
  }
}
