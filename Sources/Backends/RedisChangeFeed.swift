public import Logging
public import Pipeline
public import Redis

/// What workers publish in Redis as they project it.
public struct RedisChangeFeed: ChangeFeed {
  private let configuration: RedisConfiguration
  private let partitioning: Partitioning
  private let logger: Logger

  public init(_ configuration: RedisConfiguration, partitioning: Partitioning, logger: Logger) {
    self.configuration = configuration
    self.partitioning = partitioning
    self.logger = logger
  }

  public func run(onChange: @escaping @Sendable ([UInt128]?) -> Void) async {
    let channels = (0..<partitioning.count).map(RedisKeys.changes)
    let subscription = RedisSubscription.start(configuration, channels: channels, logger: logger)
    await withTaskExecutorPreference(subscription.taskThread) {
      for await event in subscription.events {
        if case .message(_, let payload) = event { onChange(ids(in: payload)) } else { onChange(nil) }
      }
    }
    await subscription.close()
  }

  /// 16 bytes each.
  private func ids(in payload: [UInt8]) -> [UInt128] {
    stride(from: 0, to: payload.count - 15, by: 16).map { start in
      payload[start..<(start + 16)].reduce(0) { $0 << 8 | UInt128($1) }
    }
  }
}
