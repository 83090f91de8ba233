/// Something small that is measured: its time by swift-benchmark, its instructions under valgrind.
struct Microbenchmark: Sendable {
  let name: String
  /// How often it is done where its instructions are counted.
  let iterations: Int
  /// Makes what it needs, which is not counted, and gives what is.
  let prepare: @Sendable () -> () -> Void

  init(_ name: String, iterations: Int = 1000, _ prepare: @escaping @Sendable () -> () -> Void) {
    (self.name, self.iterations, self.prepare) = (name, iterations, prepare)
  }

  static let all = decisions + growth + messages + records + identities + requests + responses

  /// Does it as often as is said above. ``countedRun(_:_:)`` is called once for each benchmark.
  func count() {
    let body = prepare()
    // What happens in a process' first times only: binding of symbols, lazy globals, the first pages of the heap.
    for _ in 0..<max(1, iterations / 10) { body() }
    countedRun(iterations, body)
  }
}

/// `compose/lib/instructions.sh` has callgrind count what happens in the function with this name, which the linker knows it by too.
@inline(never) @_silgen_name("countedRun") func countedRun(_ iterations: Int, _ body: () -> Void) {
  for _ in 0..<iterations { body() }
}

/// Uses a value, as far as the optimizer knows, so that what made it is not left out.
@inline(never) @_optimize(none) func keep<Value>(_ value: Value) {}
