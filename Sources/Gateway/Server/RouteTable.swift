import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging

/// The operations of the contract: which path and method leads where.
struct RouteTable {
  typealias Handler = @Sendable (Request, GatewayContext) async throws -> Response

  private(set) var router = Router(context: GatewayContext.self, options: .autoGenerateHeadEndpoints)
  private(set) var paths = Paths()

  init() { router.add(middleware: ProblemMiddleware()) }

  /// - Parameter path: as in the contract; `{name}` is a parameter.
  mutating func on(_ method: HTTPRequest.Method, _ path: String, _ handler: @escaping Handler) {
    router.on(RouterPath(path), method: method) { request, context in try await handler(request, context) }
    paths.add(method, path)
  }

  /// Which methods each path takes, for those that ask with another.
  struct Paths: Sendable {
    private var methods: [[String]: [HTTPRequest.Method]] = [:]

    fileprivate mutating func add(_ method: HTTPRequest.Method, _ path: String) {
      let segments = path.split(separator: "/").map(String.init)
      methods[segments, default: []] += method == .get ? [.get, .head] : [method]
    }

    /// Nil if it is not the path of any operation.
    func methods(of path: String) -> [HTTPRequest.Method]? {
      let segments = path.split(separator: "/")
      return methods.first { pattern, _ in
        pattern.count == segments.count && zip(pattern, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
      }?.value
    }
  }
}

/// Answers a request by the table; what no route takes is a `404` or a `405`.
struct GatewayResponder: HTTPResponder {
  typealias Context = GatewayContext

  private let routes: RouterResponder<GatewayContext>
  private let paths: RouteTable.Paths

  init(_ table: RouteTable) {
    paths = table.paths
    routes = table.router.buildResponder()
  }

  func respond(to request: Request, context: GatewayContext) async throws -> Response {
    if request.head.path?.utf8.count ?? 0 > Limits.uriBytes {
      return Problem(.uriTooLong, "A URI may have \(Limits.uriBytes) bytes.").response
    }
    do {
      return try await routes.respond(to: request, context: context)
    } catch is NoRoute {
      guard let methods = paths.methods(of: request.uri.path) else { return Problem.notFound.response }
      var problem = Problem(.methodNotAllowed, "This path does not take \(request.method.rawValue).")
      problem.headers[.allow] = methods.map(\.rawValue).joined(separator: ", ")
      return problem.response
    }
  }
}

/// Thrown where no route takes a request.
private struct NoRoute: Error {}

/// Makes a problem of whatever goes wrong in a handler.
private struct ProblemMiddleware: RouterMiddleware {
  typealias Context = GatewayContext

  func handle(
    _ request: Request, context: GatewayContext, next: @concurrent (Request, GatewayContext) async throws -> Response
  ) async throws -> Response {
    do {
      try expectJSONIsAcceptable(request)
      return try await next(request, context)
    } catch let problem as Problem {
      return problem.response
    } catch let error as HTTPError where error.status == .notFound && context.endpointPath == "NotFound" {
      throw NoRoute()
    } catch let error as any HTTPResponseError {
      return Problem(.validationFailed, "The request is not valid.", status: error.status).response
    } catch {
      context.logger.error("a request failed", metadata: ["error": "\(error)", "path": "\(context.endpointPath ?? "")"])
      return Problem(.internal, "It has been logged.").response
    }
  }

  private func expectJSONIsAcceptable(_ request: Request) throws {
    guard let accept = request.headers[.accept], !accept.isEmpty, !request.uri.path.hasPrefix("/openapi.") else { return }
    let isAcceptable = accept.lowercased().split(separator: ",").contains { range in
      let parts = range.split(separator: ";").map { $0.drop(while: { $0 == " " }).prefix(while: { $0 != " " }) }
      let refused = parts.dropFirst().contains { $0 == "q=0" || $0 == "q=0.0" || $0 == "q=0.00" || $0 == "q=0.000" }
      return !refused && ["*/*", "application/*", "application/json", "application/problem+json"].contains(parts.first ?? "")
    }
    if !isAcceptable { throw Problem(.notAcceptable, "This is available as application/json.") }
  }
}
