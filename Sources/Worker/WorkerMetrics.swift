import Pipeline
import Synchronization
import Telemetry
import Ticketing

/// What a worker tells Prometheus.
final class WorkerMetrics: Sendable {
  private let decisions: Counter
  private let commands: Counter
  private let batches: Counter
  private let deadLetters: Counter
  private let lags = Lags()

  /// By partition that is consumed, the seconds from the acceptance of what was settled last to its decision.
  private final class Lags: Sendable {
    let seconds = Mutex<[Int: Double]>([:])
  }

  init(_ registry: MetricRegistry) {
    decisions = registry.counter("tickethub_worker_decisions_total", help: "Decisions committed, expired holds included.")
    commands = registry.counter("tickethub_worker_commands_total", help: "Commands settled, repeated ones included.")
    batches = registry.counter("tickethub_worker_batches_total", help: "Batches in which they were settled.")
    deadLetters = registry.counter("tickethub_worker_dead_letters_total", help: "Commands and messages set aside.")
    registry.gauge("tickethub_worker_partitions", help: "Partitions that this worker consumes.") { [lags] in
      Double(lags.seconds.withLock { $0.count })
    }
    registry.gauges(
      "tickethub_worker_lag_seconds",
      help: "How long what was settled last had waited since its acceptance; 0 where nothing waits."
    ) { [lags] in
      lags.seconds.withLock { $0 }.sorted { $0.key < $1.key }.map { ([("partition", "\($0.key)")], $0.value) }
    }
  }

  func begin(_ partition: Int) { lags.seconds.withLock { $0[partition] = 0 } }
  func end(_ partition: Int) { lags.seconds.withLock { $0[partition] = nil } }
  func noteIdle(_ partition: Int) { lags.seconds.withLock { $0[partition] = 0 } }
  func noteDecisions(_ count: Int) { decisions.add(count) }
  func noteDeadLetters(_ count: Int) { deadLetters.add(count) }

  func noteSettled(_ batch: [QueuedCommand], of partition: Int, at time: Timestamp) {
    guard let last = batch.last else { return }
    batches.add()
    commands.add(batch.count)
    let lag = max(0, time.microseconds - last.command.acceptedAt.microseconds)
    lags.seconds.withLock { $0[partition] = Double(lag) / 1_000_000 }
  }
}
