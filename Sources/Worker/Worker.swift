public import Logging
public import Pipeline
public import ServiceLifecycle
public import Telemetry
public import Ticketing

/// A worker process: consumes its share of the partitions, which follows from the workers that live.
public struct Worker: Service {
  /// How often the worker looks who else lives: what a hand-over to or from an orderly worker takes.
  private static let lookInterval = Duration.milliseconds(100)
  /// How often it says that it lives itself, however long looking takes.
  private static let beatInterval = Duration.milliseconds(500)
  /// For how long a worker that does not reach the broker still says that it lives. A broker that is started again is back by then.
  private static let brokerPatience = Duration.seconds(3)
  /// For how long a worker that does not reach the database keeps its partitions, where there were others. They take it for dead by then,
  /// and wait for what it has.
  private static let databasePatience = Duration.seconds(5)

  private let id: WorkerID
  private let queue: any CommandQueue
  private let journal: any Journal
  private let quarantine: any Quarantine
  private let membership: any Membership
  private let keeper: ViewKeeper
  private let partitioning: Partitioning
  private let now: @Sendable () -> Timestamp
  private let time: Timekeeper
  private let logger: Logger
  private let metrics: WorkerMetrics
  private let executor: (any TaskExecutor)?
  /// Of commands that may be what ends the process.
  private let turn = Turn()
  private let watch: DecisionWatch?
  private let onReady: (@Sendable () -> Void)?
  private let deciding: (@Sendable (Command) -> Void)?

  /// - Parameters:
  ///   - executor: where the partitions' consumers run. On one thread those that are ready at the same moment find each other, and share
  ///     transactions and round trips. Without one they run where ``run()`` does.
  ///   - endsWhereDecisionsHang: whether the process ends where a decision takes seconds, which a thread of its own finds out. Not in a
  ///     simulation, which has but one.
  ///   - catchUpPiece: how many decisions the view catches up with at a time, if not as many as is good for Redis.
  ///   - onReady: called once, when the worker knows its share of the partitions.
  ///   - deciding: called before each decision; for tests of decisions that crash or do not end.
  public init(
    id: WorkerID, queue: any CommandQueue, journal: any Journal, quarantine: any Quarantine, view: any Projection,
    membership: any Membership, partitioning: Partitioning, now: @escaping @Sendable () -> Timestamp,
    time: Timekeeper = .system, metrics: MetricRegistry = MetricRegistry(), executor: (any TaskExecutor)? = nil, logger: Logger,
    endsWhereDecisionsHang: Bool = true, catchUpPiece: Int? = nil,
    onReady: (@Sendable () -> Void)? = nil, deciding: (@Sendable (Command) -> Void)? = nil
  ) {
    self.id = id
    self.queue = queue
    self.journal = GroupCommit(journal, time: time)
    self.quarantine = quarantine
    self.onReady = onReady
    self.deciding = deciding
    watch = endsWhereDecisionsHang ? DecisionWatch.endingTheProcess(logger) : nil
    self.metrics = WorkerMetrics(metrics)
    self.executor = executor
    self.membership = membership
    self.partitioning = partitioning
    self.now = now
    self.time = time
    self.logger = logger
    keeper = ViewKeeper(
      view: view, queue: queue, journal: journal, partitioning: partitioning, time: time,
      catchUpPiece: catchUpPiece ?? ViewCatchUp.piece, logger: logger)
  }

  /// Works until the process is asked to stop: then finishes the batches under way, gives the partitions back and says goodbye.
  public func run() async throws {
    let (looks, next) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    await withTaskGroup { group in
      group.addTask { await keeper.run() }
      group.addTask {
        while !Task.isCancelled {
          try? await time.sleep(Self.lookInterval)
          next.yield()
        }
      }
      // Whoever is to stop does so at once.
      await withGracefulShutdownHandler {
        await consumeShare(lookingAroundAt: looks)
      } onGracefulShutdown: {
        next.yield()
      }
      group.cancelAll()
    }
    do {
      try await membership.leave(id)
    } catch {
      logger.warning("could not say goodbye; the others will miss this worker in a moment", metadata: ["reason": "\(error)"])
    }
    logger.info("worker stopped")
  }

  /// Starts and stops the consumers of partitions as workers come and go. Returns once the worker is to stop and they have ended.
  private func consumeShare(lookingAroundAt times: AsyncStream<Void>) async {
    await withDiscardingTaskGroup { group in
      var times = times.makeAsyncIterator()
      var consumers: [Int: PartitionConsumer] = [:]
      var share: [Int] = []
      var isReady = false
      var outlook = Outlook(at: time.now())
      while !Task.isShuttingDownGracefully && !Task.isCancelled {
        if let newShare = await lookAround(&outlook) {
          if !isReady || newShare != share {
            logger.info(
              isReady ? "share changed" : "worker ready",
              metadata: ["workers": "\(outlook.workers)", "partitions": "\(newShare)"])
          }
          share = newShare
          if !isReady { onReady?() }
          isReady = true
        }
        consumers = consumers.filter { !$0.value.hasEnded }
        for (partition, consumer) in consumers where !share.contains(partition) { consumer.giveUp() }
        for partition in share where consumers[partition] == nil {
          let consumer = consumer(of: partition)
          consumers[partition] = consumer
          group.addTask(executorPreference: executor) { await consumer.run() }
        }
        await times.next()
      }
      for consumer in consumers.values { consumer.giveUp() }
    }
  }

  private func consumer(of partition: Int) -> PartitionConsumer {
    PartitionConsumer(
      partition: partition, queue: queue, journal: journal, quarantine: quarantine, keeper: keeper, partitioning: partitioning,
      now: now, time: time, logger: logger, metrics: metrics, turn: turn, watch: watch, deciding: deciding)
  }

  /// What a worker has seen of the others, and of what it needs.
  private struct Outlook {
    var nextBeat: ContinuousClock.Instant
    var sawBroker: ContinuousClock.Instant
    var sawDatabase: ContinuousClock.Instant
    /// How many live, this one included.
    var workers = 1

    init(at time: ContinuousClock.Instant) { (nextBeat, sawBroker, sawDatabase) = (time, time, time) }
  }

  /// The partitions that this worker is to consume; nil where nobody can tell, and they stay as they are.
  ///
  /// A worker that reaches only one of broker and database must not keep from the others what it can't consume. Without the broker it
  /// stops saying that it lives, so that they take over, and goes on trying. Without the database it gives up what it has: the broker
  /// would go on giving it messages.
  private func lookAround(_ outlook: inout Outlook) async -> [Int]? {
    let began = time.now()
    if await queue.isReachable { outlook.sawBroker = began }
    if began - outlook.sawBroker > Self.brokerPatience {
      outlook.sawDatabase = began
      return nil
    }
    let beats = outlook.nextBeat <= began
    do {
      let members = Set(try await beats ? membership.beat(id) : membership.members()).union([id])
      if beats { outlook.nextBeat = began + Self.beatInterval }
      outlook.sawDatabase = time.now()
      outlook.workers = members.count
      return Assignment.share(of: id, among: Array(members), partitions: partitioning.count)
    } catch {
      let givesUp = outlook.workers > 1 && time.now() - outlook.sawDatabase > Self.databasePatience
      logger.warning(
        givesUp ? "the database is away; others may reach it" : "the database is away; the shares stay as they are",
        metadata: ["reason": "\(error)"])
      return givesUp ? [] : nil
    }
  }
}
