import FoundationEssentials
import NIOCore
import NIOPosix

/// Drives an on-sale over HTTP and counts every seat afterwards.
///
/// It finds or creates the event, waits for its sale to open, sends the requests, follows each accepted one to its outcome, waits
/// until the server's counts agree with the last decision, and compares the two. `progress` is called about four times a second, on
/// the caller's task.
///
/// Throws ``LoadError`` if there is nothing to measure (a wrong plan, no gateway, refused credentials, a sale that is not open), and
/// `CancellationError` when its task is cancelled, having sent nothing more. All that goes wrong later is in the report.
public func runLoad(
  _ plan: LoadPlan, credentials: LoadCredentials, progress: @Sendable (LoadProgress) -> Void
) async throws -> LoadReport {
  try plan.check()
  let target = try Target(plan.target)
  progress(LoadProgress(.preparing, requests: plan.requests))
  // One thread: the generator's state needs no locks, and the system under test keeps the other cores.
  let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  let report: Result<LoadReport, any Error>
  do {
    report = .success(try await run(plan, target, credentials, on: threads.next(), progress))
  } catch {
    report = .failure(error)
  }
  try await threads.shutdownGracefully()
  return try report.get()
}

private func run(
  _ plan: LoadPlan, _ target: Target, _ credentials: LoadCredentials, on eventLoop: any EventLoop,
  _ progress: @Sendable (LoadProgress) -> Void
) async throws -> LoadReport {
  let client = try await GatewayClient(
    target: target, token: credentials.organiserToken, timeout: plan.requestTimeout, eventLoop: eventLoop)
  let event = try await findEvent(plan, client)
  let before = try await firstInventory(of: event, client)
  let mix = RequestMix(plan: plan, event: event, inventory: before)
  let tokens = (0..<plan.customers).map(credentials.tokenFor)
  let (updates, continuation) = AsyncStream.makeStream(of: LoadProgress.self, bufferingPolicy: .bufferingNewest(1))
  let driver = try await eventLoop.submit {
    let driver = LoadDriver(
      plan: plan, target: target, event: event, mix: mix, tokens: tokens, eventLoop: eventLoop, progress: continuation)
    return NIOLoopBound(driver, eventLoop: eventLoop)
  }.get()
  try await waitForSale(event, plan, progress)
  try await eventLoop.flatSubmit { driver.value.warmUp() }.get()

  let record = try await withTaskCancellationHandler {
    let selling = eventLoop.flatSubmit { driver.value.run() }
    selling.whenComplete { _ in continuation.finish() }
    for await update in updates { progress(update) }
    return try await selling.get()
  } onCancel: {
    eventLoop.execute { driver.value.cancel() }
  }

  var last = LoadProgress(.auditing, requests: plan.requests)
  last.decided = record.purchases.count { $0.outcome != nil }
  progress(last)
  let settler = Settler(plan: plan, client: client, event: event, tokens: tokens, eventLoop: eventLoop)
  let settled = try await settler.settle(record)
  try await client.close()
  var audit = Audit(event: event, plan: plan, mix: mix, before: before, settled: settled, record: record)
  return LoadReport(plan: plan, event: event, record: record, settled: settled, findings: audit.run())
}

private func findEvent(_ plan: LoadPlan, _ client: GatewayClient) async throws -> Event {
  let event =
    switch plan.event {
    case .existing(let id): try await client.event(id)
    case .create(let body): try await client.createEvent(body, key: "\(plan.run)-event")
    }
  guard event.status == "published" else {
    throw LoadError("The event \(event.id) is \(event.status), so its tickets are not on sale.")
  }
  guard event.sections.contains(where: { $0.capacity > 0 }) else {
    throw LoadError("The event \(event.id) has nothing to sell: no section has a capacity.")
  }
  return event
}

/// What is taken before the run. A new event may take a moment until it can be read.
private func firstInventory(of event: Event, _ client: GatewayClient) async throws -> Inventory {
  let deadline = ContinuousClock.now + .seconds(10)
  while true {
    do {
      return try await client.inventory(of: event)
    } catch let error as LoadError {
      guard ContinuousClock.now < deadline else { throw error }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}

private func waitForSale(_ event: Event, _ plan: LoadPlan, _ progress: @Sendable (LoadProgress) -> Void) async throws {
  guard let opens = RFC3339.parse(event.salesOpenAt) else {
    throw LoadError("The event's sales_open_at is no time: \(event.salesOpenAt)")
  }
  while true {
    let left = opens - Date().timeIntervalSince1970
    guard left > 0 else { return }
    progress(LoadProgress(.waitingForSale(seconds: left), requests: plan.requests))
    try await Task.sleep(for: .seconds(min(left, 0.25)))
  }
}
