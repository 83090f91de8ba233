import Foundation
import TestSupport
import Testing

/// `compose/local` where nothing has to be started to see what it does.
@Suite struct `compose/local` {
  /// Runs commands in a shell: `local` is the script, `$state` its state directory, which is there if `exists`.
  private func shell(exists: Bool = true, _ commands: String) async throws -> (output: String, isSuccess: Bool) {
    let state = "\(Checkout.state)/local-\(UUID().uuidString)"
    if exists { try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true) }
    defer { try? FileManager.default.removeItem(atPath: state) }
    let script = """
      state='\(state)'
      unset TICKETHUB_PORT_BASE
      export TICKETHUB_STATE_DIR="$state" TICKETHUB_LOCAL_BIN=/bin/false
      local() { '\(Checkout.path)/compose/local' "$@"; }
      \(commands)
      """
    return try await outcome(of: ["/bin/bash", "-c", script])
  }

  @Test(arguments: ["restart postgres", "restart gateway", "workers 1", "env"])
  func `what was never brought up is not made by other commands`(_ command: String) async throws {
    let refused = try await shell(exists: false, "local \(command) || { [[ ! -e $state ]] || echo made; exit 1; }")
    #expect(!refused.isSuccess)
    #expect(refused.output.contains("nothing is up"))
    #expect(!refused.output.contains("\nmade"))
  }

  @Test func `what runs keeps its ports`() async throws {
    let refused = try await shell(
      """
      sleep 60 &
      echo $! >"$state/gateway.pid"
      awk '{ print $22 }' /proc/$!/stat >"$state/gateway.pid.started"
      echo 20000 >"$state/port-base"
      TICKETHUB_PORT_BASE=20010 local up
      status=$?
      cat "$state/port-base"
      local down &>/dev/null
      exit $status
      """)
    #expect(!refused.isSuccess)
    #expect(refused.output.contains("gateway runs with TICKETHUB_PORT_BASE=20000, not 20010"))
    #expect(refused.output.hasSuffix("\n20000\n"), "the recorded one stays")
  }

  @Test func `an empty record is none`() async throws {
    let answer = try await shell(#": >"$state/port-base"; : >"$state/workers"; local pids"#)
    #expect(answer.isSuccess)
    #expect(answer.output.isEmpty, "\(answer.output)")
  }

  @Test func `the log of a worker that is no more can be read, others are not made up`() async throws {
    let read = try await shell(#"echo why >"$state/worker-3.log"; local logs worker-3"#)
    #expect(read.isSuccess)
    #expect(read.output == "why\n")
    #expect(try await !shell("local logs worker-3").isSuccess)
  }

  @Test(arguments: ["", "nonsense", "gateway nonsense"])
  func `roles that there are not are not restarted`(_ roles: String) async throws {
    let refused = try await shell("local restart \(roles); echo status $?; exit 1")
    #expect(refused.output.contains("restart needs one or more of: gateway postgres rabbitmq redis;"))
    #expect(refused.output.contains("status 2"))
  }
}
