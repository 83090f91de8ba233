import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import Pipeline
import ServiceLifecycle
import Telemetry
import Ticketing

@testable import Gateway

/// The gateway's operations over fakes; requests go straight to them, without a network.
struct TestGateway {
  let view = FakeView()
  let publisher = FakePublisher()
  let catalogue = FakeCatalogue()
  let events = FakeEventStore()
  let reservations = FakeReservationStore()
  let accounts = FakeAccounts()
  let deadLetters = FakeDeadLetters()
  let feed = FakeFeed()
  let rates = FakeRateCounter()
  let metrics = MetricRegistry()
  let authority = TokenAuthority(secret: Array(1...32))
  let responder: Responder
  /// What runs beside the operations where a gateway is started.
  let services: [any Service]

  /// With ``EventRecord/sample(id:status:startsAt:)`` in its catalogue.
  /// - Parameter time: how the limit of a probe is measured.
  init(limits: RateLimits = RateLimits(), time: Timekeeper = .system) {
    let dependencies = GatewayDependencies(
      publisher: publisher, view: view, catalogue: catalogue, changes: feed, events: events, reservations: reservations,
      accounts: accounts, deadLetters: deadLetters, authority: authority, partitioning: Partitioning(count: 16), rates: rates,
      limits: limits, metrics: metrics, now: { present }, logger: .silent)
    let routes = makeRoutes(dependencies, time: time)
    responder = Responder(routes.table, metrics: metrics, logger: .silent)
    services = routes.services + [routes.waiters]
    catalogue.put(.sample())
  }

  /// The header that signs a request.
  func token(of user: CustomerID = customer, role: User.Role = .customer, lifetime: Int = 60, session: UInt128 = 1) -> String {
    let token = AccessToken(user: user, session: session, role: role, expiresAt: present.adding(seconds: lifetime))
    return "Bearer \(authority.issue(token))"
  }

  /// Sends a request; signed as ``customer`` unless it has an authorization, and with the media type JSON if it has a body.
  func send(
    _ method: HTTPRequest.Method, _ path: String, _ headers: HTTPFields = [:], body: String? = nil, isSigned: Bool = true
  ) async throws -> Answer {
    var headers = headers
    if isSigned, headers[.authorization] == nil { headers[.authorization] = token() }
    if body != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
    return Answer(await responder.respond(to: .sample(method, path, headers, body: body)))
  }

  /// What a request is told where more come than can be taken; nil if its kind always is taken.
  func refuse(_ method: HTTPRequest.Method, _ path: String) -> Answer? {
    responder.refusal(of: .sample(method, path)) { 7 }.map(Answer.init)
  }

  /// The ids of all that is listed, page by page.
  /// - Parameter path: with a query.
  func pages(of path: String, isSigned: Bool = true) async throws -> [[UInt128]] {
    var pages: [[UInt128]] = []
    var cursor = ""
    // More than any test lists: the cursors of a list that goes in circles have no end.
    while pages.count < 10 {
      let page = try await send(.get, path + cursor, isSigned: isSigned)
      var ids: [UInt128] = []
      while case .string(let text)? = page["items", "\(ids.count)", "id"], let id = EventID(text) { ids.append(id.rawValue) }
      pages.append(ids)
      guard case .string(let next)? = page["next_cursor"] else { break }
      cursor = "&cursor=\(next)"
    }
    return pages
  }

  struct Answer {
    var status: Int
    var headers: HTTPFields
    var bytes: [UInt8]

    init(_ response: Response) {
      (status, headers, bytes) = (Int(response.status.code), HTTPFields(response.headers), response.body)
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var type: String? { headers[.contentType] }

    /// A member of the body, which must be an object.
    subscript(_ keys: String...) -> JSONValue? {
      keys.reduce(try? JSONParser.parse(bytes)) { value, key in
        switch value {
        case .object(let members)?: members.first { $0.key == key }?.value
        case .array(let elements)?: Int(key).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
        default: nil
        }
      }
    }

    /// The code of a problem; nil if it is none.
    var code: String? {
      guard type == "application/problem+json", case .string(let code)? = self["code"] else { return nil }
      return self["status"] == .integer(Int64(status)) ? code : nil
    }

    /// The pointers of a problem's errors.
    var pointers: [String] {
      guard case .array(let errors)? = self["errors"] else { return [] }
      return errors.compactMap { error in
        guard case .object(let members) = error, case .string(let pointer)? = members.first(where: { $0.key == "pointer" })?.value
        else { return nil }
        return pointer
      }
    }
  }
}

extension Request {
  static func sample(
    _ method: HTTPRequest.Method = .get, _ path: String = "/", _ headers: HTTPFields = [:], body: String? = nil
  ) -> Request {
    Request(
      method: HTTPMethod(rawValue: method.rawValue), target: path,
      fields: HeaderFields(HTTPHeaders(headers.map { ($0.name.rawName, $0.value) })), body: ByteBuffer(string: body ?? ""))
  }
}

extension HTTPFields {
  init(_ headers: ResponseHeaders) {
    self.init(headers.fields.compactMap { name, value in HTTPField.Name(name).map { HTTPField(name: $0, value: value) } })
  }
}

extension ResponseHeaders {
  var fields: [(name: String, value: String)] {
    String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map { line in
      let parts = line.split(separator: ": ", maxSplits: 1)
      return (String(parts[0]), parts.count == 2 ? String(parts[1]) : "")
    }
  }

  /// The values of the fields of that name.
  subscript(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
}

extension HTTPField.Name {
  static let forwardedFor = HTTPField.Name("X-Forwarded-For")!
  static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
  static let idempotentReplayed = HTTPField.Name("Idempotent-Replayed")!
  static let prefer = HTTPField.Name("Prefer")!
  static let preferenceApplied = HTTPField.Name("Preference-Applied")!
}

extension Logger {
  /// Problems that a test makes are no news.
  static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
