public import Pipeline

extension CommandPublisher {
  /// Queues commands of one partition.
  public func publish(_ commands: [QueuedCommand], to partition: Int) async -> PublishOutcome {
    await publish([partition: commands])[partition] ?? .unknown
  }
}
