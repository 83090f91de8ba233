import Foundation
import TestSupport
import Testing
import TicketHubTestSupport

/// The benchmark against a real TicketHub, with few requests.
@Suite(.serialized) struct `A short benchmark` {
  /// Stands in for `compose/local`: tells where everything is.
  private static func control(of hub: TicketHub, worker: TicketHubProcess) throws -> String {
    let gateway = try #require(hub.process(ofGateway: 0))
    let settings = hub.environment.merging([
      "TICKETHUB_URL": "http://127.0.0.1:\(hub.gateways[0].port)", "TICKETHUB_BIN": "\(Checkout.products)/tickethub",
    ]) { $1 }
    let lines = settings.filter { $0.key.hasPrefix("TICKETHUB_") }.map { "export \($0.key)=\($0.value)" }
    let pids = [
      "gateway \(gateway.pid)", "worker-1 \(worker.pid)", "postgres \(try hub.postgres.pid)", "rabbitmq \(try hub.rabbitmq.pid)",
      "redis \(try hub.redis.pid)",
    ]
    let script = """
      #!/bin/sh
      case $1 in
        env) cat <<'END'
      \(lines.joined(separator: "\n"))
      END
        ;;
        pids) printf '%s\\n' \(pids.map { "'\($0)'" }.joined(separator: " ")) ;;
        *) echo "no $1" >&2; exit 1 ;;
      esac
      """
    let path = "\(Checkout.state)/bench-control-\(UUID().uuidString)"
    try script.write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    return path
  }

  private func bench(_ arguments: String...) async throws -> (output: String, isSuccess: Bool) {
    let hub = try await TicketHub()
    let control = try Self.control(of: hub, worker: try await hub.startWorker())
    let environment = hub.environment.filter { $0.key.hasPrefix("TICKETHUB_") }.map { "\($0.key)=\($0.value)" }
    let program = ["/usr/bin/env"] + environment + ["TICKETHUB_LOCAL=\(control)", "\(Checkout.products)/bench"]
    let result = try await outcome(of: program + arguments)
    try FileManager.default.removeItem(atPath: control)
    return result
  }

  @Test(.timeLimit(.minutes(3))) func `every figure is measured, and what was sold is audited`() async throws {
    let json = "\(Checkout.state)/bench-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: json) }
    let run = try await bench("hot", "broker", "spread", "--runs", "2", "--requests", "400", "--json", json)
    #expect(run.isSuccess, "\(run.output)")
    #expect(run.output.contains("AUDIT PASSED"))
    #expect(run.output.contains("VERIFIED"))
    let report = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: json))) as? [String: Any])
    let rows = try #require(report["rows"] as? [[String: Any]])
    #expect(rows.compactMap { $0["name"] as? String } == ["hot", "broker", "spread"])
    let counts = try #require(rows[0]["counts"] as? [String: Int])
    #expect(
      counts == [
        "requests": 800, "accepted": 800, "refused": 0, "decided": 800, "rejected": 600, "held": 200, "tickets": 200,
      ])
    let figures = try #require(rows[0]["figures"] as? [[String: Any]])
    for figure in figures { #expect((figure["values"] as? [Double])?.count == 2, "\(figure)") }
  }

  @Test(.timeLimit(.minutes(3))) func `a figure that can't be measured is a failure`() async throws {
    // Nothing of Hummingbird's runs here.
    let run = try await bench("http", "--runs", "1", "--requests", "400")
    #expect(!run.isSuccess)
    #expect(run.output.contains("http.json: 0 of 1 values"))
    #expect(run.output.contains("AUDIT PASSED"))
  }
}
