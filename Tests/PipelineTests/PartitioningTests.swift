import Pipeline
import TestSupport
import Testing
import Ticketing

struct PartitioningTests {
  /// FNV-1a (64 bits) of the id's 16 bytes, worked out elsewhere. Were they to change, commands that wait would be looked for in
  /// the wrong queue.
  @Test(
    arguments: [
      (0, 16, 5), (1, 16, 2), (.max, 100, 33), (0x0123_4567_89AB_8DEF_8123_4567_89AB_CDEF, 100, 49),
      (0x0123_4567_89AB_8DEF_8123_4567_89AB_CDEF, 256, 101), (.max, 1, 0),
    ] as [(UInt128, Int, Int)])
  func `an event keeps its partition`(event: UInt128, count: Int, partition: Int) {
    #expect(Partitioning(count: count).partition(of: EventID(event)) == partition)
  }

  @Test(arguments: [2, 3, 16, 100, 256])
  func `events are spread evenly`(count: Int) {
    var generator = SeededGenerator(seed: 8)
    let partitioning = Partitioning(count: count)
    var sizes = Array(repeating: 0, count: count)
    let perPartition = 400
    for _ in 0..<(count * perPartition) {
      sizes[partitioning.partition(of: EventID(.random(in: .min ... .max, using: &generator)))] += 1
    }
    // Six standard deviations.
    #expect(sizes.allSatisfy { abs($0 - perPartition) < 120 }, "\(sizes)")
  }

  @Test func `ids that follow on each other are spread too`() {
    let partitioning = Partitioning(count: 16)
    let partitions = (0..<256).map { partitioning.partition(of: EventID($0)) }
    #expect(Set(partitions).count == 16)
  }

  @Test func `more partitions than can be are refused`() async {
    await #expect(processExitsWith: .failure) { _ = Partitioning(count: 257) }
    await #expect(processExitsWith: .failure) { _ = Partitioning(count: 0) }
  }
}

struct DerivedIdentityTests {
  private let user = CustomerID(1)
  private let event = EventID(0xAABB_CCDD_0000_8000_8000_0000_0000_0001)
  private var reservation: ReservationID { DerivedIdentity.reservation(of: event, by: user, key: "key") }

  @Test func `the same request has the same name`() {
    #expect(reservation == DerivedIdentity.reservation(of: event, by: user, key: "key"))
    #expect(DerivedIdentity.event(createdBy: user, key: "key") == DerivedIdentity.event(createdBy: user, key: "key"))
    #expect(
      DerivedIdentity.command("release", about: reservation, by: user)
        == DerivedIdentity.command("release", about: reservation, by: user))
  }

  @Test func `names are pinned, since gateways of two versions must agree on them`() {
    #expect(reservation.description == "aabbccdd-2454-8400-96d1-805aee3106dd")
    #expect(DerivedIdentity.event(createdBy: user, key: "key").description == "f8fb2c05-697b-85a6-9978-8a99aaf021c8")
    #expect(
      DerivedIdentity.command("release", about: reservation, by: user).description == "5f090529-7e64-8016-83fc-73dbccf1d2c2")
  }

  @Test func `another user, event, key or kind of request has another name`() {
    let other = EventID(event.rawValue + 1)
    let names: [UInt128] = [
      reservation.rawValue,
      DerivedIdentity.reservation(of: event, by: CustomerID(2), key: "key").rawValue,
      DerivedIdentity.reservation(of: other, by: user, key: "key").rawValue,
      DerivedIdentity.reservation(of: event, by: user, key: "Key").rawValue,
      DerivedIdentity.reservation(of: event, by: user, key: "key ").rawValue,
      DerivedIdentity.reservation(of: event, by: user, key: "").rawValue,
      DerivedIdentity.event(createdBy: user, key: "key").rawValue,
      DerivedIdentity.event(createdBy: CustomerID(2), key: "key").rawValue,
      DerivedIdentity.event(createdBy: user, key: "other").rawValue,
      DerivedIdentity.command("extend", about: reservation, by: user, key: "key").rawValue,
      DerivedIdentity.command("extend", about: reservation, by: user, key: "other").rawValue,
      DerivedIdentity.command("release", about: reservation, by: user, key: "key").rawValue,
      DerivedIdentity.command("release", about: ReservationID(1), by: user, key: "key").rawValue,
      DerivedIdentity.command("release", about: reservation, by: CustomerID(2), key: "key").rawValue,
    ]
    #expect(Set(names).count == names.count)
  }

  @Test func `keys that look alike to people are different keys`() {
    #expect(
      DerivedIdentity.event(createdBy: user, key: "\u{E9}") != DerivedIdentity.event(createdBy: user, key: "e\u{301}"))
  }

  @Test func `names are UUIDs of version 8, and those of reservations begin like their event's`() {
    var generator = SeededGenerator(seed: 9)
    for _ in 0..<1000 {
      let event = EventID(generator.number())
      let user = CustomerID(generator.number())
      let key = generator.text()
      let reservation = DerivedIdentity.reservation(of: event, by: user, key: key)
      #expect(reservation.rawValue >> 96 == event.rawValue >> 96)
      for name in [
        reservation.rawValue, DerivedIdentity.event(createdBy: user, key: key).rawValue,
        DerivedIdentity.command("extend", about: reservation, by: user, key: key).rawValue,
      ] {
        #expect(name >> 76 & 0xF == 8)
        #expect(name >> 62 & 0b11 == 0b10)
      }
    }
  }

  @Test func `a random UUID is of version 4 and new every time`() {
    let ids = (0..<1000).map { _ in randomUUID() }
    #expect(ids.allSatisfy { $0 >> 76 & 0xF == 4 && $0 >> 62 & 0b11 == 0b10 })
    #expect(Set(ids).count == ids.count)
  }
}
