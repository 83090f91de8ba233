import HTTPTypes
import Pipeline
import Testing
import Ticketing

@testable import Gateway

struct DeadLetterOperationTests {
  private let gateway = TestGateway()
  private let path = "/v1/operations/dead-letters"

  private func send(
    _ method: HTTPRequest.Method, _ path: String, role: User.Role = .operator_
  ) async throws -> TestGateway.Answer {
    try await gateway.send(method, path, [.authorization: gateway.token(of: customer, role: role)])
  }

  /// Sets so many aside, a second apart; the last is the newest.
  private func setAside(_ count: Int) -> [KeptDeadLetter] {
    let letters = (1...count).map { number in
      let letter = DeadLetter(
        partition: 3, command: CommandID(UInt128(number)), event: EventID(7), reason: "it is \(number)", attempts: 3,
        payload: [0xFB, 0xFF, UInt8(number)])
      return KeptDeadLetter(id: letter.id, letter: letter, deadAt: present.adding(seconds: number), status: .dead)
    }
    gateway.deadLetters.set { $0.letters = letters }
    return letters
  }

  @Test func `the list is for operators, newest first, page by page`() async throws {
    let letters = setAside(3)
    let first = try await send(.get, path + "?limit=2")
    #expect(first.status == 200 && first.headers[.cacheControl] == "no-store")
    #expect(first["items", "0", "id"] == .string("\(letters[2].id)") && first["items", "1", "id"] == .string("\(letters[1].id)"))
    #expect(first["items", "0", "command_id"] == .string("\(CommandID(3))"))
    #expect(first["items", "0", "event_id"] == .string("\(EventID(7))"))
    #expect(first["items", "0", "reason"] == .string("it is 3") && first["items", "0", "attempts"] == .integer(3))
    #expect(first["items", "0", "dead_at"] == .string(letters[2].deadAt.rfc3339))
    #expect(first["items", "0", "status"] == .string("dead") && first["items", "0", "payload"] == .string("+/8D"))
    guard case .string(let cursor)? = first["next_cursor"] else {
      Issue.record("no next_cursor: \(first.text)")
      return
    }
    let second = try await send(.get, path + "?limit=2&cursor=\(cursor)")
    #expect(second["items", "0", "id"] == .string("\(letters[0].id)"))
    #expect(second["items", "1"] == nil && second["next_cursor"] == nil)
  }

  @Test func `one is replayed or discarded once`() async throws {
    let letters = setAside(2)
    #expect(try await send(.post, "\(path)/\(letters[0].id)/replay").status == 202)
    #expect(try await send(.delete, "\(path)/\(letters[1].id)").status == 204)
    for letter in letters {
      #expect(try await send(.post, "\(path)/\(letter.id)/replay").code == "conflict")
      #expect(try await send(.delete, "\(path)/\(letter.id)").code == "conflict")
    }
    let list = try await send(.get, path)
    #expect(list["items", "1", "status"] == .string("replayed") && list["items", "0", "status"] == .string("discarded"))
  }

  @Test(arguments: [
    (KeptDeadLetter.Status.dead, "dead"), (.replaying, "dead"), (.discarding, "dead"), (.replayed, "replayed"),
    (.discarded, "discarded"),
  ])
  func `what was asked for and not confirmed is shown as dead`(status: KeptDeadLetter.Status, name: String) async throws {
    _ = setAside(1)
    gateway.deadLetters.set { $0.letters[0].status = status }
    #expect(try await send(.get, path)["items", "0", "status"] == .string(name))
  }

  @Test(arguments: [(HTTPRequest.Method.get, ""), (.delete, "/\(DeadLetterID(1))"), (.post, "/\(DeadLetterID(1))/replay")])
  func `nobody else may, and what can't be done is said`(method: HTTPRequest.Method, rest: String) async throws {
    for role in [User.Role.customer, .organiser] {
      let answer = try await send(method, path + rest, role: role)
      #expect(answer.status == 403 && answer.code == "forbidden")
    }
    #expect(try await gateway.send(method, path + rest, isSigned: false).code == "unauthenticated")
    gateway.deadLetters.set { $0.isAway = true }
    let away = try await send(method, path + rest)
    #expect(away.status == 503 && away.code == "unavailable" && away.headers[.retryAfter] != nil)
  }

  @Test(arguments: [(HTTPRequest.Method.delete, ""), (.post, "/replay")])
  func `an unknown one is a 404, and what is no id a 400`(method: HTTPRequest.Method, rest: String) async throws {
    #expect(try await send(method, "\(path)/\(DeadLetterID(1))\(rest)").code == "not_found")
    let bad = try await send(method, "\(path)/x\(rest)")
    #expect(bad.status == 400 && bad.pointers == ["dead_letter_id"])
  }
}
