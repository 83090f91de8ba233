import Pipeline
import Testing
import Ticketing

@testable import bench

@Suite struct `Requests for tickets` {
  private let authority = TokenAuthority(secret: Array(repeating: 7, count: 32))
  private let events = [EventID(1), EventID(2)]

  private func text(_ number: Int, of purchases: Purchases) -> String {
    var bytes: [UInt8] = []
    purchases.append(number, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func field(_ name: String, of request: String) throws -> Substring {
    let line = try #require(request.split(separator: "\r\n").first { $0.hasPrefix(name + ": ") })
    return line.dropFirst(name.count + 2)
  }

  @Test func `each is for the next event, of a customer of its own, under a key of its own`() throws {
    let purchases = Purchases(4, of: events, section: "floor", authority: authority)
    var customers: Set<CustomerID> = []
    var keys: Set<Substring> = []
    for number in 0..<4 {
      let request = text(number, of: purchases)
      #expect(request.hasPrefix("POST /v1/events/\(events[number % 2])/reservations HTTP/1.1\r\n"))
      let token = try field("Authorization", of: request).dropFirst("Bearer ".count)
      let user = try #require(authority.verify(token)).user
      #expect(user == purchases.customer(number))
      customers.insert(user)
      keys.insert(try field("Idempotency-Key", of: request))
    }
    #expect(customers.count == 4 && keys.count == 4)
  }

  @Test func `the body is as long as it says, and asks for so many tickets`() throws {
    let purchases = Purchases(3, of: events, section: "hall", quantities: { $0 + 1 }, authority: authority)
    for number in 0..<3 {
      let request = text(number, of: purchases)
      let body = try #require(request.ranges(of: "\r\n\r\n").first.map { request[$0.upperBound...] })
      #expect(body == #"{"selection":{"section":"hall","quantity":\#(number + 1)}}"#)
      #expect(try field("Content-Length", of: request) == "\(body.utf8.count)")
    }
  }

  @Test func `the reservation's id is the one that the gateway derives`() throws {
    let purchases = Purchases(2, of: events, section: "floor", authority: authority)
    let key = String(try field("Idempotency-Key", of: text(1, of: purchases)))
    #expect(
      purchases.reservation(1) == DerivedIdentity.reservation(of: events[1], by: purchases.customer(1), key: key))
  }

  @Test func `a request is written behind what is there already`() {
    let purchases = Purchases(1, of: events, section: "floor", authority: authority)
    var bytes = Array("before".utf8)
    purchases.append(0, to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == "before" + text(0, of: purchases))
  }
}
