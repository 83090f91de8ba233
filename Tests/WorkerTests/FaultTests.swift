import Backends
import BackendsTestSupport
import Pipeline
import TestSupport
import Testing
import Ticketing

@testable import Worker

/// Servers that die in the middle of a sale, as in a power cut, and come back.
@Suite(.serialized) struct FaultTests {
  @Test(arguments: TestServer.Kind.allCases)
  func `a server that dies in the middle loses nothing and has nothing decided twice`(kind: TestServer.Kind) async throws {
    try await TestServer.withOwn(kind) { server in
      let postgres = kind == .postgres ? server : try await TestServer.shared(.postgres)
      try await withDatabase(on: postgres, connections: 6) { database in
        let events = (0..<3).map { index in
          EventRecord.onSale([.seated(rows: 6, of: 20), .standing(80)], holdSeconds: index == 0 ? 2 : 600, limit: 30)
        }
        let rig = try await Rig(
          events: events, database: database,
          redis: kind == .redis ? redisConfiguration(of: server) : await redisDatabase(),
          brokerURL: kind == .rabbitmq ? server.url : await virtualHost(on: .shared(.rabbitmq)))
        try await disturb(rig, server)
        await rig.close()
      }
    }
  }

  @Test func `a view that is restored from an old copy becomes right by itself`() async throws {
    try await TestServer.withOwn(.redis) { server in
      try await withDatabase(connections: 6) { database in
        let events = (0..<3).map { _ in EventRecord.onSale([.seated(rows: 6, of: 20), .standing(80)], limit: 30) }
        let rig = try await Rig(
          events: events, database: database, redis: redisConfiguration(of: server),
          brokerURL: await virtualHost(on: .shared(.rabbitmq)))
        let worker = try rig.startWorker()
        var history = RandomHistory(seed: 12, events: rig.events)
        for _ in 0..<5 { try await rig.send(history.next(20)) }
        try await rig.waitUntilDecided(history.ids)
        try await rig.expectAgreement()

        let (data, copy) = ("\(server.directory)/data/appendonlydir", "\(server.directory)/copy")
        try await server.stop()
        try await run(["cp", "-a", data, copy])
        try await server.start()
        for _ in 0..<10 { try await rig.send(history.next(20)) }
        try await rig.waitUntilDecided(history.ids)
        try await rig.expectAgreement()
        try await server.stop()
        try await run(["rm", "-r", data])
        try await run(["mv", copy, data])
        try await server.start()
        // Nothing is decided any more: the worker looks by itself.
        try await rig.expectAgreement()
        await worker.stop()
        await rig.close()
      }
    }
  }

  /// Sends without a pause while the server dies and comes back, with two workers at it.
  private func disturb(_ rig: Rig, _ server: TestServer) async throws {
    let workers = [try rig.startWorker(), try rig.startWorker()]
    var history = RandomHistory(seed: 11, events: rig.events)
    for _ in 0..<5 { try await rig.send(history.next(20)) }
    try await rig.waitUntilDecided(history.ids)

    try await server.kill()
    async let restarted: Void = server.start()
    for _ in 0..<15 { try await rig.send(history.next(20)) }
    try await restarted
    let back = ContinuousClock.now
    for _ in 0..<15 { try await rig.send(history.next(20)) }
    try await rig.waitUntilDecided(history.ids)
    print("\(server.kind) came back: everything was decided after \(ContinuousClock.now - back)")
    try await rig.expectAgreement()
    for worker in workers { await worker.stop() }
  }
}
