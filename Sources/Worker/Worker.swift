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
  private let watch: DecisionWatch?
  private let deciding: (@Sendable (Command) -> Void)?

  /// - Parameters:
  ///   - executor: where the partitions' consumers run. On one thread those that are ready at the same moment find each other, and share
  ///     transactions and round trips. Without one they run where ``run()`` does.
  ///   - endsWhereDecisionsHang: whether the process ends where a decision takes seconds, which a thread of its own finds out. Not in a
  ///     simulation, which has but one.
  ///   - deciding: called before each decision; for tests of decisions that crash or do not end.
  public init(
    id: WorkerID, queue: any CommandQueue, journal: any Journal, quarantine: any Quarantine, view: any Projection,
    membership: any Membership, partitioning: Partitioning, now: @escaping @Sendable () -> Timestamp,
    time: Timekeeper = .system, metrics: MetricRegistry = MetricRegistry(), executor: (any TaskExecutor)? = nil, logger: Logger,
    endsWhereDecisionsHang: Bool = true,
    deciding: (@Sendable (Command) -> Void)? = nil
  ) {
    self.id = id
    self.queue = queue
    self.journal = GroupCommit(journal, time: time)
    self.quarantine = quarantine
    self.deciding = deciding
    watch = endsWhereDecisionsHang ? DecisionWatch.endingTheProcess(logger) : nil
    self.metrics = WorkerMetrics(metrics)
    self.executor = executor
    self.membership = membership
    self.partitioning = partitioning
    self.now = now
    self.time = time
    self.logger = logger
    keeper = ViewKeeper(view: view, queue: queue, journal: journal, partitioning: partitioning, time: time, logger: logger)
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
      var nextBeat = time.now()
      while !Task.isShuttingDownGracefully && !Task.isCancelled {
        let began = time.now()
        if let members = await lookAround(beat: nextBeat <= began) {
          if nextBeat <= began { nextBeat = began + Self.beatInterval }
          let newShare = Assignment.share(of: id, among: members, partitions: partitioning.count)
          if !isReady || newShare != share {
            logger.info(
              isReady ? "share changed" : "worker ready",
              metadata: ["workers": "\(members.count)", "partitions": "\(newShare)"])
          }
          share = newShare
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
      now: now, time: time, logger: logger, metrics: metrics, watch: watch, deciding: deciding)
  }

  /// The workers that live; nil while the database is away: then the shares stay as they are.
  private func lookAround(beat: Bool) async -> [WorkerID]? {
    do {
      return beat ? try await membership.beat(id) : try await membership.members()
    } catch {
      logger.warning("the database is away; the shares stay as they are", metadata: ["reason": "\(error)"])
      return nil
    }
  }
}
