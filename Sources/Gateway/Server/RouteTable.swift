import Logging
import NIOHTTP1
import Telemetry

/// The operations of the contract: which path and method leads where.
struct RouteTable: Sendable {
  typealias Handler = @Sendable (Request) async throws -> Response
  /// Answers a request of which nothing is known.
  typealias Refusal = @Sendable (_ retryAfter: Int) -> Response

  private enum Segment: Hashable, Sendable {
    /// In UTF-8.
    case fixed([UInt8])
    case parameter(String)

    init(_ text: Substring) {
      self = text.hasPrefix("{") ? .parameter(String(text.dropFirst().dropLast())) : .fixed(Array(text.utf8))
    }
  }

  struct Operation: Sendable {
    let method: HTTPMethod
    /// As in the contract.
    let path: String
    /// Its place in the table.
    let number: Int
    /// Whether it answers with JSON, so that clients must accept that.
    let isJSON: Bool
    /// What its requests are answered where more come than can be taken; nil if they always are taken.
    let refuse: Refusal?
    let handler: Handler
  }

  private struct Route: Sendable {
    var segments: [Segment]
    var operations: [Operation] = []

    /// Whether the path is this route's; it has as many segments.
    func matches(_ path: UnsafeBufferPointer<UInt8>, _ parts: [Range<Int>]) -> Bool {
      zip(segments, parts).allSatisfy { segment, part in
        if case .fixed(let text) = segment { path[part].elementsEqual(text) } else { true }
      }
    }

    func parameters(of path: Substring, _ parts: [Range<Int>]) -> [Request.Parameter] {
      zip(segments, parts).compactMap { segment, part in
        if case .parameter(let name) = segment { Request.Parameter(name: name, value: path.part(part)) } else { nil }
      }
    }
  }

  /// By how many segments their paths have.
  private var routes: [[Route]] = []
  /// How many operations there are.
  private(set) var count = 0

  /// - Parameters:
  ///   - path: as in the contract; `{name}` is a parameter.
  ///   - refuse: gives the answer of requests that come among more than can be taken; nil if they always are taken.
  mutating func on(
    _ method: HTTPMethod, _ path: String, isJSON: Bool = true, refuse: Refusal? = nil,
    _ handler: @escaping Handler
  ) {
    let segments = path.split(separator: "/").map(Segment.init)
    while routes.count <= segments.count { routes.append([]) }
    var alike = routes[segments.count]
    let index = alike.firstIndex { $0.segments == segments } ?? alike.endIndex
    if index == alike.endIndex { alike.append(Route(segments: segments)) }
    for method in method == .GET ? [.GET, .HEAD] : [method] {
      alike[index].operations.append(
        Operation(method: method, path: path, number: count, isJSON: isJSON, refuse: refuse, handler: handler))
      count += 1
    }
    routes[segments.count] = alike
  }

  /// What a request asks for; the request gets its parameters.
  /// - Throws: `404` or `405`.
  func operation(of request: inout Request) throws(Problem) -> Operation {
    let (found, parts) = route(of: request.path)
    guard let route = found else { throw Problem.notFound }
    guard let operation = route.operations.first(where: { $0.method == request.method }) else {
      var problem = Problem(.methodNotAllowed, "This path does not take \(request.method.rawValue).")
      problem.headers.add(name: "Allow", value: route.operations.map(\.method.rawValue).joined(separator: ", "))
      throw problem
    }
    request.parameters = route.parameters(of: request.path, parts)
    return operation
  }

  /// The operation that a request asks for, if there is such a one and its requests may be refused.
  func refusable(_ request: Request) -> Operation? {
    route(of: request.path).route?.operations.first { $0.method == request.method && $0.refuse != nil }
  }

  private func route(of path: Substring) -> (route: Route?, parts: [Range<Int>]) {
    path.withBytes { path in
      let parts = Self.segments(of: path)
      let alike = parts.count < routes.count ? routes[parts.count] : []
      return (alike.first { $0.matches(path, parts) }, parts)
    }
  }

  /// Where a path's segments lie; empty ones are none.
  private static func segments(of path: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
    var segments: [Range<Int>] = []
    // More than any path of the contract has: room that grew with each would be allocated several times a request.
    segments.reserveCapacity(8)
    var start = 0
    for end in 0...path.count where end == path.count || path[end] == UInt8(ascii: "/") {
      if end > start { segments.append(start..<end) }
      start = end + 1
    }
    return segments
  }
}

/// Answers requests by the table, and makes a problem of whatever goes wrong.
struct Responder: Sendable {
  private let table: RouteTable
  private let requests: RequestCounts
  private let logger: Logger

  init(_ table: RouteTable, metrics: MetricRegistry, logger: Logger) {
    self.table = table
    requests = RequestCounts(metrics)
    self.logger = logger
  }

  func respond(to request: Request) async -> Response {
    var request = request
    do throws(Problem) {
      let operation = try table.operation(of: &request)
      let response = await respond(to: request, by: operation)
      requests.count(operation, response.status)
      return response
    } catch {
      requests.count(nil, error.status)
      return error.response
    }
  }

  /// Refuses a request before anything else is done for it, if its operation may be.
  /// - Parameter retryAfter: after how many seconds the next of those that may be refused is to ask again; nil if it is taken.
  func refusal(of request: Request, if retryAfter: () -> Int?) -> Response? {
    guard let operation = table.refusable(request), let refuse = operation.refuse, let seconds = retryAfter() else { return nil }
    let response = refuse(seconds)
    requests.count(operation, response.status)
    return response
  }

  private func respond(to request: Request, by operation: RouteTable.Operation) async -> Response {
    do {
      if operation.isJSON { try expectJSONIsAcceptable(to: request) }
      return try await operation.handler(request)
    } catch let problem as Problem {
      return problem.response
    } catch {
      logger.error("a request failed", metadata: ["error": "\(error)", "path": "\(request.path)"])
      return Problem(.internal, "It has been logged.").response
    }
  }

  private func expectJSONIsAcceptable(to request: Request) throws(Problem) {
    guard let accept = request.fields.accept, accept != "*/*", accept != "application/json", !accept.isEmpty else { return }
    if !Self.takesJSON(accept) { throw Problem(.notAcceptable, "This is available as application/json.") }
  }

  /// Whether a list of media ranges takes JSON. The most specific one that JSON is in says so (RFC 9110, 12.5.1); where there is
  /// none, whoever takes problems takes JSON.
  private static func takesJSON(_ accept: String) -> Bool {
    var taken: [Substring: Bool] = [:]
    for range in accept.lowercased().split(separator: ",") {
      let parts = range.split(separator: ";").map { $0.drop(while: \.isBlank).prefix { !$0.isBlank } }
      guard let type = parts.first else { continue }
      let isRefused = parts.dropFirst().contains { $0.hasPrefix("q=0") && $0.dropFirst(3).allSatisfy { $0 == "0" || $0 == "." } }
      // With other parameters it may be there once more.
      taken[type] = taken[type] == true || !isRefused
    }
    let ranges: [Substring] = ["application/json", "application/*", "*/*", "application/problem+json"]
    return ranges.compactMap { taken[$0] }.first ?? false
  }
}
