import Pipeline
import Testing
import Ticketing

@testable import Gateway

struct NewReservationBodyTests {
  @Test(
    arguments: [
      (#"{"selection":{"section":"floor","quantity":2}}"#, .best(section: 0, quantity: 2, adjacent: true)),
      (
        #"{"selection":{"section":"block-a","quantity":100,"adjacent":false}}"#, .best(section: 1, quantity: 100, adjacent: false)
      ),
      (
        #"{"selection":{"section":"block-a","quantity":1,"adjacent":true},"fallbacks":[]}"#,
        .best(section: 1, quantity: 1, adjacent: true)
      ),
      // In the order of the hall, so that bodies are compared by meaning.
      (#"{"selection":{"seats":["block-a-B-1","block-a-A-10","block-a-A-1"]}}"#, .seats([0, 9, 10])),
    ] as [(String, Selection)])
  func `a selection is read`(text: String, selection: Selection) throws {
    #expect(try read(text) == Command.Request(customer: customer, selection: selection))
  }

  @Test func `fallbacks are read in their order`() throws {
    let request = try read(
      #"{"selection":{"seats":["block-a-A-1"]},"fallbacks":[{"section":"block-a","quantity":1},{"seats":["block-a-B-8"]}]}"#)
    #expect(request.fallbacks == [.best(section: 1, quantity: 1, adjacent: true), .seats([17])])
  }

  @Test(
    arguments: [
      ("{}", ["/selection"]), ("[]", [""]), (#"{"selection":null}"#, ["/selection"]), (#"{"selection":[]}"#, ["/selection"]),
      (#"{"selection":{"section":"floor","quantity":1},"seat":1}"#, ["/seat"]),
      (#"{"selection":{}}"#, ["/selection/quantity", "/selection/section"]),
      (#"{"selection":{"section":"floor"}}"#, ["/selection/quantity"]),
      (#"{"selection":{"section":"floor","quantity":0}}"#, ["/selection/quantity"]),
      (#"{"selection":{"section":"floor","quantity":101}}"#, ["/selection/quantity"]),
      (#"{"selection":{"section":"floor","quantity":1.5}}"#, ["/selection/quantity"]),
      (#"{"selection":{"section":"floor","quantity":"1"}}"#, ["/selection/quantity"]),
      (#"{"selection":{"section":"floor","quantity":1,"adjacent":1}}"#, ["/selection/adjacent"]),
      (#"{"selection":{"section":"nowhere","quantity":1}}"#, ["/selection/section"]),
      (#"{"selection":{"section":"FLOOR","quantity":1}}"#, ["/selection/section"]),
      (#"{"selection":{"section":"","quantity":1}}"#, ["/selection/section"]),
      (#"{"selection":{"section":0,"quantity":1}}"#, ["/selection/section"]),
      (#"{"selection":{"section":"floor","quantity":1,"row":"A"}}"#, ["/selection/row"]),
      (#"{"selection":{"seats":[]}}"#, ["/selection/seats"]), (#"{"selection":{"seats":"block-a-A-1"}}"#, ["/selection/seats"]),
      (#"{"selection":{"seats":["block-a-A-1"],"quantity":1}}"#, ["/selection/quantity"]),
      (#"{"selection":{"seats":["block-a-A-1","block-a-A-1"]}}"#, ["/selection/seats/1"]),
      (
        #"{"selection":{"seats":["block-a-A-1",1,"block-a-A-11","floor-A-1","block-a-A-01","block-a-A-0",""]}}"#,
        (1...6).map { "/selection/seats/\($0)" }
      ),
      (#"{"selection":{"section":"floor","quantity":1},"fallbacks":{}}"#, ["/fallbacks"]),
      (
        #"{"selection":{"section":"floor","quantity":1},"fallbacks":[1,{"section":"floor","quantity":0}]}"#,
        ["/fallbacks/0", "/fallbacks/1/quantity"]
      ),
      (#"{"selection":{"section":"floor","quantity":1},"fallbacks":[{},{},{},{},{}]}"#, ["/fallbacks"]),
    ] as [(String, [String])])
  func `a mistake is told with its pointer`(text: String, expected: [String]) throws {
    #expect(try pointers { _ = try read(text) } == expected)
  }

  @Test func `a hundred seats may be named, and no more`() throws {
    let seats = (1...101).map { "\"x-\($0)\"" }
    #expect(
      try pointers { _ = try read(#"{"selection":{"seats":[\#(seats.joined(separator: ","))]}}"#) } == ["/selection/seats"])
    let hundred = seats.dropLast().joined(separator: ",")
    #expect(try pointers { _ = try read(#"{"selection":{"seats":[\#(hundred)]}}"#) }.first == "/selection/seats/0")
  }

  private func read(_ text: String) throws -> Command.Request {
    try NewReservationBody.read(try json(text), customer: customer, event: .sample)
  }
}

struct NewAccountTests {
  @Test(arguments: [
    "a@b.de", "ada.lovelace@example.org", "a+b@example.co.uk", "a_b-c@ex-ample.org", "o'hara@example.org",
    "a@xn--bcher-kva.example",
    "ada@bücher.example", "ü@example.org", "1@2.de", "a@localhost",
  ])
  func `an email address is taken`(text: String) {
    #expect(EmailAddress.isValid(text))
  }

  @Test(arguments: [
    "", "@", "a", "a@", "@b.de", "a@b@c.de", "a b@c.de", "a@b c.de", " a@b.de", "a@b.de ", "a@.de", "a@b.", "a@b..de", "a@-b.de",
    "a@b-.de", ".a@b.de", "a.@b.de", "a..b@c.de", "<a@b.de>", "a@b.de,c@d.de", "a@b_c.de", "a\u{0}@b.de", "a\n@b.de",
    "\"a\"@b.de", "a@[1.2.3.4]", "a@b.de\r\nBcc: c@d.de", "a:b@c.de",
  ])
  func `what is no email address is refused`(text: String) {
    #expect(!EmailAddress.isValid(text))
  }

  @Test func `the parts of an address have the lengths of RFC 5321`() {
    func name(_ count: Int) -> String { String(repeating: "a", count: count) }
    #expect(EmailAddress.isValid("\(name(64))@b.de"))
    #expect(!EmailAddress.isValid("\(name(65))@b.de"))
    #expect(EmailAddress.isValid("a@\(name(63)).de"))
    #expect(!EmailAddress.isValid("a@\(name(64)).de"))
  }

  @Test(
    arguments: [
      (#"{"email":"a@b.de","password":"0123456789","name":"A"}"#, []), ("[]", [""]), ("{}", ["/email", "/password", "/name"]),
      (#"{"email":"a@b","password":"012345678","name":""}"#, ["/password", "/name"]),
      (#"{"email":"a.b.de","password":"0123456789","name":"A"}"#, ["/email"]),
      (#"{"email":1,"password":2,"name":3}"#, ["/email", "/password", "/name"]),
      (#"{"email":"a@b.de","password":"0123456789","name":"A","role":"operator"}"#, ["/role"]),
      (#"{"email":"a@b.de","password":"0123456789\u0000","name":"A"}"#, ["/password"]),
    ] as [(String, [String])])
  func `an account's mistake is told with its pointer`(text: String, expected: [String]) throws {
    #expect(try pointers { _ = try NewAccount(json: try json(text)) } == expected)
  }

  @Test func `what is too long is told`() throws {
    func account(_ email: Int, _ password: Int, _ name: Int) throws -> [String] {
      let labels = String(repeating: "\(String(repeating: "a", count: 49)).", count: 5)
      let local = String(repeating: "b", count: email - labels.count - 3)
      func text(_ count: Int) -> String { String(repeating: "x", count: count) }
      return try pointers {
        _ = try NewAccount(
          json: try json(#"{"email":"\#(local)@\#(labels)de","password":"\#(text(password))","name":"\#(text(name))"}"#))
      }
    }
    #expect(try account(254, 128, 200) == [])
    #expect(try account(255, 129, 201) == ["/email", "/password", "/name"])
  }

  @Test func `from the command line, mistakes are listed line by line`() throws {
    #expect(try NewAccount(email: "a@b.de", password: "0123456789", name: "A").email == "a@b.de")
    do {
      _ = try NewAccount(email: "a", password: "0123456789", name: "")
      Issue.record("it was taken")
    } catch {
      #expect("\(error)" == "  /email: must have 3 to 254 characters\n  /name: must have 1 to 200 characters")
    }
  }
}
