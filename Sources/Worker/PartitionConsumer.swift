import Logging
import Pipeline
import Synchronization
import Ticketing

/// Consumes one partition's queue for as long as this worker has it.
final class PartitionConsumer: Sendable {
  /// How many messages are taken at once, each with up to ``CommandMessage/maximumCommands`` commands.
  static let maximumMessages = 32
  /// How many commands are settled in one transaction, give or take a message: enough to make its cost per command small, few enough
  /// that it takes milliseconds.
  static let maximumBatch = 512
  /// How many messages share an acknowledgement while more come. One costs the broker nearly what a message does; those that a crash
  /// brings back are found to be decided.
  static let messagesPerAcknowledgement = 16
  /// The longest wait for a message. It bounds how late a hold expires and how long giving the partition up takes.
  static let patience = Duration.milliseconds(100)
  /// How often the journal is asked for holds that somebody else has given since the partition was taken over: the former owner with
  /// its last batch. Nothing else would tell when they end.
  static let reviewInterval = Duration.seconds(5)

  let partition: Int
  private let queue: any CommandQueue
  private let journal: any Journal
  private let quarantine: any Quarantine
  private let keeper: ViewKeeper
  private let partitioning: Partitioning
  private let now: @Sendable () -> Timestamp
  private let time: Timekeeper
  private let logger: Logger
  private let metrics: WorkerMetrics
  private let turn: Turn
  private let watch: DecisionWatch?
  private let deciding: (@Sendable (Command) -> Void)?
  private let isGivenUp = Atomic(false)
  private let isOver = Atomic(false)

  init(
    partition: Int, queue: any CommandQueue, journal: any Journal, quarantine: any Quarantine, keeper: ViewKeeper,
    partitioning: Partitioning, now: @escaping @Sendable () -> Timestamp, time: Timekeeper = .system, logger: Logger,
    metrics: WorkerMetrics, turn: Turn, watch: DecisionWatch? = nil, deciding: (@Sendable (Command) -> Void)? = nil
  ) {
    self.partition = partition
    self.queue = queue
    self.journal = journal
    self.quarantine = quarantine
    self.keeper = keeper
    self.partitioning = partitioning
    self.now = now
    self.time = time
    self.metrics = metrics
    self.turn = turn
    self.watch = watch
    self.deciding = deciding
    var logger = logger
    logger[metadataKey: "partition"] = "\(partition)"
    self.logger = logger
  }

  /// Lets ``run()`` end after the batch that is under way.
  func giveUp() { isGivenUp.store(true, ordering: .relaxed) }

  /// Whether ``run()`` has ended, with nothing taken that was not acknowledged.
  var hasEnded: Bool { isOver.load(ordering: .acquiring) }

  private var mustStop: Bool { isGivenUp.load(ordering: .relaxed) || Task.isCancelled }

  /// Subscribes and settles until the partition is given up. While the broker is away it tries again.
  func run() async {
    metrics.begin(partition)
    defer { metrics.end(partition) }
    await keeper.adopt(partition)
    while !mustStop {
      do {
        let subscription = try await queue.subscribe(to: partition)
        do {
          try await settleAll(of: subscription)
        } catch {
          logger.warning("the subscription ended", metadata: ["reason": "\(error)"])
        }
        await subscription.close()
      } catch {
        logger.warning("the queue is away", metadata: ["reason": "\(error)"])
        try? await time.sleep(Self.patience)
      }
    }
    await keeper.abandon(partition)
    isOver.store(true, ordering: .releasing)
  }

  /// A partition's life: take, settle, project, acknowledge. A crash anywhere in it is mended by the messages coming back: those that
  /// are in the journal are not decided again.
  private func settleAll(of subscription: any CommandSubscription) async throws {
    let mark = DecisionWatch.Mark(partition: partition)
    await watch?.watch(mark)
    do {
      try await settleAll(of: subscription, mark)
    } catch {
      await watch?.forget(mark)
      throw error
    }
    await watch?.forget(mark)
  }

  private func settleAll(of subscription: any CommandSubscription, _ mark: DecisionWatch.Mark) async throws {
    var settler = Settler(journal: journal, now: now, time: time, logger: logger, mark: mark, deciding: deciding)
    var isolation = Isolation(
      partition: partition, journal: journal, quarantine: quarantine, turn: turn, time: time, logger: logger)
    var rate = DecisionRate()
    settler.takeOver(try await streamsWithHolds())
    try await untilJournalAnswers { () async throws(JournalFailure) in try await isolation.takeOver() }
    var nextReview = time.now() + Self.reviewInterval
    var settled = Settled()
    while !mustStop {
      let deliveries = try await subscription.take(Self.maximumMessages, waitingAtMost: waiting(for: settler.nextExpiry))
      if deliveries.isEmpty {
        metrics.noteIdle(partition)
        try await acknowledge(&settled, of: subscription)
      }
      for batch in split(deliveries) {
        try await setAside(batch.unreadable, &isolation)
        let began = time.now()
        var steps = try await untilJournalAnswers { () async throws(JournalFailure) in
          try await isolation.steps(for: batch.commands, redelivered: batch.redelivered)
        }[...]
        while let step = steps.popFirst() {
          guard let settlement = try await settle(step, of: batch, &settler, isolation) else {
            // One of them is refused whatever the others are.
            steps = step.apart + steps
            continue
          }
          rate.note(settlement.decisions, in: time.now() - began)
          metrics.noteDecisions(settlement.decisions)
          try await setAside(settlement.undecidable.map(letter), &isolation)
          if !settlement.suspects.isEmpty { await keeper.suspect(settlement.suspects) }
          if !settlement.repeated.isEmpty { await keeper.noteRepeated(settlement.repeated, in: partition) }
          if !settlement.changes.isEmpty { Failpoint.beforeProjection.pass() }
          // Whoever waits in the line has passed only once the whole batch is settled.
          let progress = steps.isEmpty ? batch.lastOrdinal.map(rate.progress) : nil
          await keeper.project(settlement.changes, partition: partition, progress: progress)
        }
        metrics.noteSettled(batch.commands, of: partition, at: now())
        settled.note(batch)
        if settled.messages >= Self.messagesPerAcknowledgement { try await acknowledge(&settled, of: subscription) }
        for mark in batch.marks { await keeper.noteMark(mark, in: partition) }
      }
      if nextReview <= time.now() {
        settler.takeOver(try await streamsWithHolds())
        nextReview = time.now() + Self.reviewInterval
      }
    }
    try await acknowledge(&settled, of: subscription)
  }

  private func acknowledge(_ settled: inout Settled, of subscription: any CommandSubscription) async throws {
    guard let tag = settled.lastTag else { return }
    Failpoint.beforeAcknowledgement.pass()
    try await subscription.acknowledge(through: tag)
    settled = Settled()
  }

  /// Settles a part of a batch; nil if the journal refuses it.
  private func settle(
    _ step: Isolation.Step, of batch: Batch, _ settler: inout Settler, _ isolation: Isolation
  ) async throws -> Settlement? {
    do {
      switch step {
      case .freely(let commands):
        return try await settler.settle(commands, mayBeDecided: batch.redelivered) { mustStop }
      case .together(let commands):
        try await untilJournalAnswers { () async throws(JournalFailure) in try await isolation.noteTogether(commands) }
        return try await settler.settle(commands, mayBeDecided: true) { mustStop }
      case .alone(let command):
        if mustStop { throw CancellationError() }
        return try await isolation.settleAlone(command, with: &settler) { mustStop }
      }
    } catch let refusal as Refusal {
      logger.error("the journal refuses a batch; its commands are tried one by one", metadata: ["reason": "\(refusal.reason)"])
      return nil
    }
  }

  /// Some messages in a row that are settled together; none where only holds may have to expire.
  private struct Batch {
    var commands: [QueuedCommand] = []
    var unreadable: [DeadLetter] = []
    var redelivered = false
    var messages = 0
    var marks: [String] = []
    var lastTag: UInt64?
    var lastOrdinal: Int64? { commands.last { $0.ordinal != 0 }?.ordinal }
  }

  /// Messages whose commands are in the journal and in the view, and that the broker has not been told of.
  private struct Settled {
    var messages = 0
    var lastTag: UInt64?

    mutating func note(_ batch: Batch) {
      messages += batch.messages
      if let tag = batch.lastTag { lastTag = tag }
    }
  }

  private func split(_ deliveries: [Delivery]) -> [Batch] {
    var batches = [Batch()]
    for delivery in deliveries {
      let (commands, unreadable) = decode(delivery)
      if !batches[batches.count - 1].commands.isEmpty,
        batches[batches.count - 1].commands.count + commands.count > Self.maximumBatch
      {
        batches.append(Batch())
      }
      batches[batches.count - 1].commands += commands
      batches[batches.count - 1].unreadable += unreadable
      if delivery.redelivered { batches[batches.count - 1].redelivered = true }
      batches[batches.count - 1].messages += 1
      if let mark = delivery.mark, commands.isEmpty { batches[batches.count - 1].marks.append(mark) }
      batches[batches.count - 1].lastTag = delivery.tag
    }
    return batches
  }

  private func decode(_ delivery: Delivery) -> (commands: [QueuedCommand], unreadable: [DeadLetter]) {
    var commands: [QueuedCommand] = []
    var unreadable: [DeadLetter] = []
    do throws(CodingFailure) {
      for entry in try CommandMessage.decode(delivery.body) {
        switch entry {
        case .command(let queued): commands.append(queued)
        case .unreadable(let failure, let bytes):
          unreadable.append(letter(failure.description, CommandMessage.frame(bytes)))
        }
      }
    } catch {
      unreadable.append(letter(error.description, delivery.body))
    }
    return (commands, unreadable)
  }

  private func letter(_ reason: String, _ bytes: [UInt8]) -> DeadLetter {
    DeadLetter(partition: partition, command: nil, event: nil, reason: reason, attempts: 1, payload: bytes)
  }

  private func letter(_ undecidable: Undecidable) -> DeadLetter {
    var letter = letter(undecidable.reason, CommandMessage.encode([undecidable.command]))
    letter.attempts = undecidable.attempts
    letter.command = undecidable.command.command.id
    letter.event = undecidable.command.command.event
    return letter
  }

  private func setAside(_ letters: [DeadLetter], _ isolation: inout Isolation) async throws {
    if letters.isEmpty { return }
    try await untilJournalAnswers { () async throws(JournalFailure) in try await journal.setAside(letters) }
    metrics.noteDeadLetters(letters.count)
    for letter in letters {
      if let command = letter.command { isolation.noteSetAside(command) }
      logger.error("a command was set aside", metadata: ["dead_letter": "\(letter.id)", "reason": "\(letter.reason)"])
    }
  }

  private func streamsWithHolds() async throws -> [EventStream] {
    try await untilJournalAnswers { () async throws(JournalFailure) in
      try await journal.streamsWithHolds(of: partition, in: partitioning)
    }
  }

  private func untilJournalAnswers<Answer>(_ ask: () async throws(JournalFailure) -> Answer) async throws -> Answer {
    while true {
      do throws(JournalFailure) {
        return try await ask()
      } catch {
        logger.warning("the journal is away", metadata: ["reason": "\(error)"])
        if mustStop { throw CancellationError() }
        try await time.sleep(Self.patience)
      }
    }
  }

  private func waiting(for expiry: Timestamp?) -> Duration {
    guard let expiry else { return Self.patience }
    return min(Self.patience, .microseconds(max(0, expiry.microseconds - now().microseconds)))
  }
}

/// How fast a partition is being decided, as a moving average over the batches.
private struct DecisionRate {
  private var perSecond = 0.0

  mutating func note(_ decisions: Int, in duration: Duration) {
    guard decisions > 0 else { return }
    let latest = Double(decisions) / max(1e-6, duration / .seconds(1))
    perSecond = perSecond == 0 ? latest : perSecond * 0.8 + latest * 0.2
  }

  func progress(at ordinal: Int64) -> Progress { Progress(ordinal: ordinal, rate: perSecond) }
}
