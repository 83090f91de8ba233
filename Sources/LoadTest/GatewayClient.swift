import FoundationEssentials
import NIOCore

/// The few requests before and after the sale, one at a time. Those of the sale itself have no `await`: see ``Intake``.
struct GatewayClient: Sendable {
  let target: Target
  let token: String
  private let eventLoop: any EventLoop
  private let connection: NIOLoopBound<Connection>

  private let timeout: TimeAmount

  init(target: Target, token: String, timeout: Duration, eventLoop: any EventLoop) async throws {
    (self.target, self.token, self.timeout, self.eventLoop) = (target, token, TimeAmount(timeout), eventLoop)
    connection = try await eventLoop.submit {
      NIOLoopBound(Connection(target: target, eventLoop: eventLoop), eventLoop: eventLoop)
    }.get()
  }

  func createEvent(_ body: [UInt8], key: String) async throws -> Event {
    let response = try await send("POST", "/v1/events", body: body, key: key)
    guard response.status == 201 else { throw failed("The event could not be created", response) }
    return try decode(Event.self, response)
  }

  func event(_ id: String) async throws -> Event {
    let response = try await send("GET", "/v1/events/\(id)")
    guard response.status == 200 else { throw failed("The event \(id) could not be read", response) }
    return try decode(Event.self, response)
  }

  func availability(of event: Event) async throws -> Availability {
    let response = try await send("GET", "/v1/events/\(event.id)/availability")
    guard response.status == 200 else { throw failed("The availability could not be read", response) }
    return try decode(Availability.self, response)
  }

  func inventory(of event: Event) async throws -> Inventory {
    var maps: [SeatMap] = []
    let availability = try await availability(of: event)
    for section in event.sections where section.kind == .seated {
      let response = try await send("GET", "/v1/events/\(event.id)/seats?section=\(section.id)")
      guard response.status == 200 else { throw failed("The seat map of \(section.id) could not be read", response) }
      maps.append(try decode(SeatMap.self, response))
    }
    return Inventory(availability: availability, maps: maps)
  }

  func close() async throws {
    try await eventLoop.submit { connection.value.close() }.get()
  }

  private func send(_ method: String, _ path: String, body: [UInt8] = [], key: String? = nil) async throws -> Response {
    let promise = eventLoop.makePromise(of: Response.self)
    // One for both: a deadline that is told later would be looked at before its time, and never again.
    let deadline = NIODeadline.now() + timeout
    eventLoop.execute {
      connection.value.send(deadline: deadline) { buffer in
        buffer.writeString("\(method) \(path) HTTP/1.1\r\nHost: \(target.host):\(target.port)\r\n")
        buffer.writeString("Authorization: Bearer \(token)\r\n")
        if let key { buffer.writeString("Idempotency-Key: \(key)\r\n") }
        if !body.isEmpty { buffer.writeString("Content-Type: application/json\r\nContent-Length: \(body.count)\r\n") }
        buffer.writeString("\r\n")
        buffer.writeBytes(body)
      } completion: {
        promise.completeWith($0.mapError { $0 })
      }
    }
    let overdue = eventLoop.scheduleTask(deadline: deadline) { connection.value.sweep(now: .now()) }
    defer { overdue.cancel() }
    do {
      return try await promise.futureResult.get()
    } catch let failure as ConnectionFailure {
      let gateway = "\(target.host):\(target.port)"
      throw LoadError("\(method) \(path) got no answer from \(gateway) (\(failure.code)); is the gateway running?")
    }
  }

  private func failed(_ what: String, _ response: Response) -> LoadError {
    let problem = Problem(response)
    let detail = problem.detail.map { " \($0)" } ?? ""
    return LoadError("\(what): the gateway answered \(response.status) \(problem.code).\(detail)")
  }

  private func decode<Value: Decodable>(_ type: Value.Type, _ response: Response) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      return try decoder.decode(type, from: Data(response.body.readableBytesView))
    } catch {
      throw LoadError("The gateway's \(type) does not fit the contract: \(error)")
    }
  }
}
