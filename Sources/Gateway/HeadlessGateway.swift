package import Logging
package import Pipeline
import Telemetry
package import Ticketing

/// The gateway without HTTP: taking commands in, answering polls, waiting for changes. What a simulation drives.
package struct HeadlessGateway: Sendable {
  /// What a client is told of a command.
  package enum Answer: Sendable {
    case accepted(ReservationRecord?)
    case keyReused
    /// Nothing was queued, and that is certain.
    case refused
    case unknown
  }

  /// What a client is told of a reservation.
  package enum Reading: Sendable {
    case found(ReservationRecord)
    case notFound
    case unavailable
  }

  /// A client's question about a reservation.
  package final class Poll: Sendable {
    package let reservation: ReservationID
    package let customer: CustomerID
    package let time: Duration

    package init(reservation: ReservationID, customer: CustomerID, waitingAtMost time: Duration) {
      self.reservation = reservation
      self.customer = customer
      self.time = time
    }
  }

  private let intake: Intake
  private let waiters: Waiters
  private let reader: ReservationReader

  package init(
    publisher: any CommandPublisher, view: any ReservationView, store: any ReservationStore, changes: any ChangeFeed,
    partitioning: Partitioning, time: Timekeeper, executor: any TaskExecutor, logger: Logger
  ) {
    let unnoted = UnnotedPartitions(view)
    intake = Intake(
      view: view, unnoted: unnoted, publisher: publisher, metrics: MetricRegistry(), time: time, executor: executor,
      logger: logger)
    waiters = Waiters(feed: changes, time: time)
    reader = ReservationReader(
      view: view, unnoted: unnoted, store: store, partitioning: partitioning, time: time, executor: executor)
  }

  /// Hears of changes until the task is cancelled.
  package func run() async throws { try await waiters.run() }

  package func take(_ command: Command, partition: Int) async -> Answer {
    switch await intake.take(command, partition: partition) {
    case .accepted(let record, _, _): .accepted(record)
    case .keyReused: .keyReused
    case .refused, .unavailable: .refused
    case .unknown: .unknown
    }
  }

  /// The reservation as it stands; while its outcome is open, not before something changed or the time is over.
  package func read(_ poll: Poll) async -> Reading {
    let ticket = waiters.listen(for: poll.reservation.rawValue, atMost: poll.time)
    let reading = await readNow(poll)
    guard case .found(let record) = reading, record.status == .queued, poll.time > .zero else {
      waiters.stopListening(ticket)
      return reading
    }
    await waiters.wait(ticket)
    return await readNow(poll)
  }

  private func readNow(_ poll: Poll) async -> Reading {
    do {
      return .found(try await reader.reservation(poll.reservation, of: poll.customer))
    } catch let problem as Problem where problem.code == .notFound {
      return .notFound
    } catch {
      return .unavailable
    }
  }
}
